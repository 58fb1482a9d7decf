// Runs wrangler for the commands of a laptop.
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { CommandError } from './command-line.ts'
import { projectRoot, temporaryDirectory } from './directories.ts'
import { exitCodeOf, onOutput, startNode } from './processes.ts'
import { detailOf } from './responses.ts'

const WRANGLER = path.join(projectRoot, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
export const QUIET = {
  // Neither is needed on a laptop, and each waits for a network.
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  // The top level of wrangler.toml, unless --env names an environment: without a word, wrangler warns.
  CLOUDFLARE_ENV: '',
}
const POLL_MS = 100

export const BUNDLE_LIMIT_KIB = 52

interface WorkerOptions {
  /** Where it will be reached, as the arguments say. */
  url: string
  args: string[]
  print: (text: string) => void
  /** Does what the Worker needs before it can serve, while wrangler starts. */
  prepare: () => Promise<void>
}

export interface WranglerResult {
  code: number
  stdout: string
  stderr: string
}

/** Builds the Worker, or one from a different main file, as a deployment would; uploads nothing. */
export async function build(directory: string, ...main: string[]): Promise<void> {
  const { code, stdout, stderr } = await runToEnd([
    ...['deploy', ...main],
    ...['--dry-run', '--outdir', directory],
  ])
  if (code === 0) return
  throw new CommandError(`The Worker could not be built:\n${(stdout + stderr).trim()}`)
}

/** The size of a built Worker as it would be uploaded. */
export function bundleSize(file: string): { kib: number; gzippedKib: number } {
  const bundle = readFileSync(file)
  return { kib: bundle.length / 1024, gzippedKib: gzipSync(bundle).length / 1024 }
}

/**
 * Starts `wrangler dev` and waits until the Worker answers and can serve. `ended` settles with the exit
 * code of wrangler.
 *
 * @throws CommandError when wrangler ends before that, or the Worker names what is not good
 */
export async function startWorker({
  url,
  args,
  print,
  prepare,
}: WorkerOptions): Promise<{ ended: Promise<number> }> {
  const child = start(['dev', ...args], {})
  onOutput(child, print)
  const ended = exitCodeOf(child)
  const early = ended.then((code) => {
    throw new CommandError(`wrangler dev ended with exit code ${code}`, code === 0 ? 1 : code)
  })
  const polling = new AbortController()
  try {
    const served = prepare().then(() => untilReady(url, polling.signal))
    await Promise.race([early, served])
    return { ended }
  } finally {
    polling.abort()
    // From here on the end of wrangler is the caller's to await.
    early.catch(() => undefined)
  }
}

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const response = await fetch(new URL('/readyz', url), { signal }).catch(() => undefined)
    if (response?.status === 200) return
    if (response !== undefined) {
      const problem = detailOf(await response.text()) ?? `status ${response.status}`
      throw new CommandError(
        `The Worker cannot serve: ${problem} (see wrangler.toml and .dev.vars)`,
      )
    }
    await sleep(POLL_MS)
  }
}

/** Runs wrangler to its end; it asks nothing back. */
export async function runToEnd(command: string[]): Promise<WranglerResult> {
  const child = start(command, { CI: 'true' })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text) => {
      output[name] += text
    })
  }
  return { code: await exitCodeOf(child), ...output }
}

/** Runs wrangler to its end and shows what it prints; returns what it reports to programs. */
export async function runShown(command: string[]): Promise<{ code: number; reports: unknown[] }> {
  const file = path.join(temporaryDirectory('wrangler'), 'reports.ndjson')
  writeFileSync(file, '')
  const env = { CI: 'true', WRANGLER_OUTPUT_FILE_PATH: file }
  const code = await exitCodeOf(start(command, env, ['ignore', 'inherit', 'inherit']))
  const lines = readFileSync(file, 'utf8').split('\n')
  return { code, reports: lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line)])) }
}

function start(args: string[], env: NodeJS.ProcessEnv, stdio?: StdioOptions): ChildProcess {
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  return startNode(
    // Without the dashes, Node takes --env-file for itself, wherever it stands.
    ['--no-warnings', '--', WRANGLER, ...args],
    { ...QUIET, ...colour, ...env },
    projectRoot,
    stdio,
  )
}
