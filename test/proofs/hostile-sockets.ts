// npm run prove sockets: what a stranger may write to a socket, against the built Worker in workerd.
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, parseOptions, styled } from '../../tools/lib/command-line.ts'
import { StoppedError } from '../../tools/lib/processes.ts'
import { breachesOf } from '../lib/contract.ts'
import { quantile } from '../lib/options.ts'
import { type BuiltWorker, buildWorker, type Serving } from './built-worker.ts'
import { asServer, asShopper, type Caller } from './carts-client.ts'
import {
  compressedBodies,
  type ExpectedAnswer,
  type HostileExchange,
  hostileFraming,
  hostileHeaders,
  hostileTargets,
  longBodies,
  ordinaryGet,
  ordinaryPost,
  stalledBodies,
  type Tokens,
} from './hostile-http.ts'
import { open, type RawAnswer } from './raw-http.ts'

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
  const { url } = serving
  const once = async (...exchanges: HostileExchange[]) => {
    const outcomes: Outcome[] = []
    for (const exchange of exchanges) outcomes.push(await attempt(url, exchange))
    return outcomes
  }
  const first = await once(ordinaryPost('A request like any other', tokens, 200))
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
  const title = 'A request like any other, after all that'
  const last = await once(ordinaryPost(title, tokens, 204))
  const hostile = [...stalled, ...others]
  const outcomes = [...first, ...hostile, ...bystanders, ...last]
  show(outcomes)
  report(hostile, bystanders)
  const wrong = outcomes.filter(({ problems }) => problems.length > 0)
  if (wrong.length > 0) throw new CommandError(`${wrong.length} exchanges went wrong`)
  if (p99(bystanders) > MAX_P99_MS) throw new CommandError('Stalled bodies hold up other requests')
  if (isToldIn(serving.output(), tokens)) throw new CommandError('The log holds a token')
}

/** Sends ordinary requests, each on a connection of its own, while the bodies stall. */
async function standBy(url: string, tokens: Tokens): Promise<Outcome[]> {
  const exchange = ordinaryGet('A bystander', tokens)
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
  return quantile(
    outcomes.map(({ ms }) => ms),
    0.99,
  )
}

/** Finds parts of tokens too: the signed part, or the signature. */
function isToldIn(log: string, tokens: Tokens): boolean {
  const parts = [tokens.server, tokens.implicit, tokens.account].flatMap((each) => each.split('.'))
  return parts.some((part) => log.includes(part))
}

async function mintTokens({ settings }: BuiltWorker): Promise<Tokens> {
  const server = await asServer(settings, 'demo')
  const shopper = await asShopper(settings, 'hostile', 'demo')
  const accessOf = ({ headers }: Caller) => headers['Authorization']?.split(' ')[1] ?? ''
  const account = shopper.headers['EP-Account-Management-Authentication-Token'] ?? ''
  return { server: accessOf(server), implicit: accessOf(shopper), account }
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
