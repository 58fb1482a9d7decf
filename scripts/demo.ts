// npm run demo: shows the API at work on a Worker and a database of its own, and checks each answer.
import { mkdtempSync, rmSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { CommandError, run, styled } from './command-line.ts'
import { type Answer, demoSteps, type Step } from './demo-steps.ts'
import { localSettings } from './local-settings.ts'
import { freePort } from './ports.ts'
import { migrate, startWorker, stopWranglers, stopWranglersOnSignal } from './wrangler.ts'

await run(async () => {
  if (process.argv.length > 2) throw new CommandError('npm run demo takes no arguments', 2)
  stopWranglersOnSignal()
  const directory = temporaryDirectory()
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  process.stdout.write('Starting a Worker with a database of its own\n')
  await migrate(['--persist-to', directory])
  const log: string[] = []
  try {
    const worker = await startWorker({
      args: [
        '--port',
        String(await freePort()),
        '--inspector-port',
        String(await freePort()),
        '--persist-to',
        directory,
        '--env-file',
        devVars,
      ],
      print: (text) => log.push(text),
    })
    const failures = await showAll(worker.url, await demoSteps(settings))
    if (failures > 0) throw new CommandError(`${failures} answers are not what the contract says`)
  } catch (error) {
    process.stderr.write(log.join(''))
    throw error
  } finally {
    await stopWranglers()
  }
})

/** Removed when this process ends, however it ends but by SIGKILL. */
function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-demo-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function showAll(url: string, steps: Step[]): Promise<number> {
  const shown: boolean[] = []
  for (const step of steps) shown.push(await show(url, step))
  const failures = shown.filter((asPromised) => !asPromised).length
  process.stdout.write(
    `\n${shown.length - failures} of ${shown.length} answers are as the contract says\n`,
  )
  return failures
}

/** Makes the request, prints it with its answer, and tells whether that is the promised one. */
async function show(
  url: string,
  { title, method, path, headers, body, answer }: Step,
): Promise<boolean> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(new URL(path, url), {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...init,
  })
  const text = await response.text()
  const asPromised = isDeepStrictEqual(answerOf(response.status, text), {
    body: undefined,
    ...answer,
  })
  const colour = response.ok ? 'green' : 'yellow'
  const lines = [
    '',
    styled('bold', title),
    `  ${method} ${path}${body === undefined ? '' : `  ${JSON.stringify(body)}`}`,
    `  ${styled(colour, `${response.status} ${STATUS_CODES[response.status] ?? ''}`)}${text && `  ${text}`}`,
  ]
  if (!asPromised)
    lines.push(
      styled('red', `  Expected ${answer.status}  ${JSON.stringify(answer.body) ?? 'no body'}`),
    )
  process.stdout.write(`${lines.join('\n')}\n`)
  return asPromised
}

function answerOf(status: number, text: string): Answer {
  return { status, body: text === '' ? undefined : JSON.parse(text) }
}
