// Compares what came back over a socket with the contract.
import { breachesOf } from '../lib/contract.ts'
import type { ExpectedAnswer, HostileExchange } from './hostile-exchanges.ts'
import { open, type RawAnswer } from './raw-http.ts'

/** How one exchange went; `workerd` if it was refused before it reached the Worker. */
export interface Outcome {
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
export async function attempt(url: string, exchange: HostileExchange): Promise<Outcome> {
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
