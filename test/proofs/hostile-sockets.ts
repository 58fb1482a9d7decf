// npm run prove sockets: what a stranger may write to a socket, against the built Worker in workerd.
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, parseOptions, styled } from '../../tools/lib/command-line.ts'
import { StoppedError } from '../../tools/lib/processes.ts'
import { mintAccessToken, mintAccountToken } from '../../tools/tokens/mint.ts'
import { breachesOf } from '../lib/contract.ts'
import { type BuiltWorker, buildWorker, type Serving } from './built-worker.ts'
import {
  compressedBodies,
  hostileFraming,
  hostileHeaders,
  hostileTargets,
  longBodies,
  stalledBodies,
} from './hostile-http.ts'
import {
  bearer,
  body,
  type ExpectedAnswer,
  get,
  type HostileExchange,
  open,
  post,
  posted,
  type RawAnswer,
  read,
  sized,
  type Tokens,
  writing,
} from './raw-http.ts'

const BYSTANDERS = 200
const BYSTANDER_PAUSE_MS = 40
/** All stalled bodies have begun by then. */
const SETTLED_MS = 500
const MAX_P99_MS = 1_000

/** @throws CommandError if a response breaks the contract, others wait, or the log holds a token */
export async function sockets(args: string[]): Promise<void> {
  parseOptions(args, {})
  process.stdout.write('Building the Worker and serving it to strangers\n')
  const worker = await buildWorker('hostile')
  const serving = await worker.serve()
  await prove(serving, await mintTokens(worker)).catch((error: unknown) => {
    if (!(error instanceof StoppedError)) process.stderr.write(serving.output())
    throw error
  })
}

async function prove(serving: Serving, tokens: Tokens): Promise<void> {
  const [url = ''] = serving.urls
  const once = async (...exchanges: HostileExchange[]) => {
    const outcomes: Outcome[] = []
    for (const exchange of exchanges) outcomes.push(await attempt(url, exchange))
    return outcomes
  }
  const first = await once(served('A request like any other', tokens, 200))
  const [stalled, bystanders] = await Promise.all([
    Promise.all(stalledBodies(tokens).map((exchange) => attempt(url, exchange))),
    standBy(url, tokens),
  ])
  const others = await once(
    ...longBodies(tokens),
    ...compressedBodies(tokens),
    ...hostileHeaders(tokens),
    ...hostileTargets(tokens),
    ...hostileFraming(tokens),
  )
  const last = await once(served('A request like any other, after all that', tokens, 204))
  const hostile = [...stalled, ...others]
  const outcomes = [...first, ...hostile, ...bystanders, ...last]
  show(outcomes)
  report(hostile, bystanders)
  const wrong = outcomes.filter(({ problems }) => problems.length > 0)
  if (wrong.length > 0) throw new CommandError(`${wrong.length} exchanges went wrong`)
  if (p99(bystanders) > MAX_P99_MS) throw new CommandError('Stalled bodies hold up other requests')
  if (isToldIn(serving.output(), tokens)) throw new CommandError('The log holds a token')
}

function served(title: string, { server }: Tokens, status: number): HostileExchange {
  return {
    title,
    send: writing(post(bearer(server), sized(body)) + body),
    requests: posted(status),
  }
}

/** Sends ordinary requests, each on a connection of its own, while the bodies stall. */
async function standBy(url: string, { server }: Tokens): Promise<Outcome[]> {
  const exchange = {
    title: 'A bystander',
    send: writing(get(bearer(server))),
    requests: read(200),
  }
  const asked: Promise<Outcome>[] = []
  await sleep(SETTLED_MS)
  while (asked.length < BYSTANDERS) {
    asked.push(attempt(url, exchange))
    await sleep(BYSTANDER_PAUSE_MS)
  }
  return await Promise.all(asked)
}

/** Prints one line for each title, and for each exchange that went wrong. */
function show(outcomes: Outcome[]): void {
  const shown = new Set<string>()
  for (const { title, by, statuses, problems, ms } of outcomes) {
    if (shown.has(title) && problems.length === 0) continue
    shown.add(title)
    const answer = statuses.length === 0 ? 'closed' : statuses.join(' ')
    const line = `${answer.padEnd(12)}${by.padEnd(8)}${ms.toFixed(0).padStart(6)} ms  ${title}`
    process.stdout.write(`  ${line}\n`)
    for (const problem of problems) process.stdout.write(styled('red', `    ${problem}\n`))
  }
}

function report(hostile: Outcome[], bystanders: Outcome[]): void {
  const outside = hostile.filter(({ problems }) => problems.length > 0).length
  const failed = hostile.filter(
    ({ statuses, by }) => by === 'Worker' && statuses.some((each) => each >= 500),
  ).length
  const refused = hostile.filter(({ by }) => by === 'workerd').length
  const mostBytes = Math.max(...hostile.map(({ bytes }) => bytes))
  const lines = [
    `${hostile.length} hostile exchanges, ${outside} answers outside the contract, ${failed} of 5xx`,
    `${refused} of them refused by workerd itself`,
    `100 MB bodies were answered after at most ${(mostBytes / 1024).toFixed(0)} KiB had been sent`,
    `${BYSTANDERS} bystanders of the stalled bodies, p99 ${p99(bystanders).toFixed(0)} ms`,
  ]
  process.stdout.write(`\n${lines.map((line) => `sockets: ${line}\n`).join('')}`)
}

function p99(outcomes: Outcome[]): number {
  const sorted = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN
}

/** Finds parts of tokens too: the signed part, or the signature. */
function isToldIn(log: string, tokens: Tokens): boolean {
  const parts = [tokens.server, tokens.implicit, tokens.account].flatMap((each) => each.split('.'))
  return parts.some((part) => log.includes(part))
}

async function mintTokens({ settings }: BuiltWorker): Promise<Tokens> {
  const common = { storeId: 'demo', expiresInSeconds: 900 }
  const access = { ...common, clientId: 'stranger' }
  const account = { ...common, accountId: 'hostile', memberId: 'member' }
  const [server, implicit] = await Promise.all([
    mintAccessToken(settings, { ...access, grantType: 'client_credentials' }),
    mintAccessToken(settings, { ...access, grantType: 'implicit' }),
  ])
  return { server, implicit, account: await mintAccountToken(settings, account) }
}

/** How one exchange went; `workerd` if it was refused before it reached the Worker. */
interface Outcome {
  title: string
  by: 'Worker' | 'workerd' | 'nobody'
  statuses: number[]
  problems: string[]
  /** The time until the last expected response. */
  ms: number
  /** The bytes written until then. */
  bytes: number
}

const PATIENCE_MS = 12_000
const PROMPT = { min: 0, max: 2_000 }
/** How long the connection must then stay silent. */
const SILENCE_MS = 30
/** The most that socket buffers hold of a body that nobody reads. */
const MAX_TAKEN_BYTES = 16 * 1024 * 1024
/** The statuses with which workerd refuses malformed HTTP; any other 5xx is an uncaught error. */
const REFUSALS = [400, 408, 413, 414, 431, 501, 505]

/** Runs one exchange over a connection of its own. */
async function attempt(url: string, exchange: HostileExchange): Promise<Outcome> {
  const { title, refusable = false } = exchange
  const connection = open(url)
  const start = performance.now()
  const sending = exchange.send(connection)
  const outcome: Outcome = { title, by: 'nobody', statuses: [], problems: [], ms: 0, bytes: 0 }
  for (const expected of exchange.requests) {
    const answer = await connection.answer(expected.method, PATIENCE_MS)
    outcome.ms = performance.now() - start
    outcome.bytes = connection.socket.bytesWritten
    outcome.by = answer !== undefined && isOurs(answer) ? 'Worker' : 'workerd'
    if (answer !== undefined) outcome.statuses.push(answer.status)
    if (outcome.by === 'workerd') {
      if (!refusable) outcome.problems.push('is not answered by the Worker')
      if (answer !== undefined && !REFUSALS.includes(answer.status)) {
        outcome.problems.push(`is answered ${answer.status} by workerd`)
      }
      if (outcome.ms > PROMPT.max) outcome.problems.push('is refused late, or left waiting')
      break
    }
    if (answer !== undefined) outcome.problems.push(...problemsOf(answer, expected, outcome.ms))
  }
  if (outcome.bytes > MAX_TAKEN_BYTES) outcome.problems.push(`has taken ${outcome.bytes} bytes`)
  const more = await connection.answer('GET', SILENCE_MS)
  if (more !== undefined) outcome.problems.push(`is answered once more, ${more.status}`)
  connection.socket.destroy()
  await sending
  return outcome
}

/** Finds the Worker's responses by their request id, or else by their words. */
function isOurs({ headers, body }: RawAnswer): boolean {
  return headers['x-request-id'] !== undefined || body.startsWith('{"errors":')
}

function problemsOf(
  { status, headers, body }: RawAnswer,
  { method, path, statuses, afterMs = PROMPT }: ExpectedAnswer,
  ms: number,
): string[] {
  const { 'content-length': _length, ...told } = headers
  const breaches = breachesOf({ method, path, status, headers: told, body })
  return [
    ...breaches,
    ...(statuses.includes(status) ? [] : [`is answered ${status}, not ${statuses.join(' or ')}`]),
    ...(status >= 500 ? ['is a 5xx'] : []),
    ...(ms < afterMs.min || ms > afterMs.max ? [`is answered after ${ms.toFixed(0)} ms`] : []),
  ]
}
