// npm run smoke and npm run demo: asks an address the contract's main cases, and prints what it answered.
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  badArgument,
  CommandError,
  command,
  parseOptions,
  styled,
  table,
} from '../lib/command-line.ts'
import { StoppedError, stopAll, stopAllAtTheEnd } from '../lib/processes.ts'
import { reasonOf, redirectionOf } from '../lib/responses.ts'
import { startThrowawayWorker } from '../lib/throwaway-worker.ts'
import { mintAccountToken } from '../tokens/mint.ts'
import { type SmokeCase, smokeCases } from './cases.ts'
import { type SmokeTokens, smokeTokens } from './tokens.ts'

const HELP = `Asks a deployed address the main cases of the contract, prints what it answered, and leaves nothing behind.

  npm run smoke -- <address>

A case without its tokens is skipped, and said to be. Tokens are taken from the environment, which keeps them out of the
history of your shell: SMOKE_ACCESS_TOKEN, SMOKE_ACCOUNT_TOKEN, SMOKE_SERVER_TOKEN. With an application key, SMOKE_CLIENT_ID and
SMOKE_CLIENT_SECRET, the access token and the server token are asked for; the account token comes from your identity
provider. SMOKE_ACCOUNT names its account if it has no account_id (ACCOUNT_TOKENS). The exit code is 1 where an answer is not
as promised or something was left behind.

Examples

  npm run smoke -- https://carts.example
  SMOKE_CLIENT_ID=… SMOKE_CLIENT_SECRET=… SMOKE_ACCOUNT_TOKEN=… npm run smoke -- https://carts.example
  SMOKE_ACCESS_TOKEN=$(npx cart-accounts token access --grant implicit) SMOKE_SERVER_TOKEN=$(npx cart-accounts token access) \\
    SMOKE_ACCOUNT_TOKEN=$(npx cart-accounts token account --account me) npm run smoke -- http://localhost:8787
`

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

export const smoke = command(HELP, async (args) => {
  const url = addressOf(parseOptions(args, {}, { allowPositionals: true }).positionals)
  const tokens = await smokeTokens(url, process.env)
  const stopped = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () =>
      stopped.abort(new CommandError('Stopped', 128 + constants.signals[name])),
    )
  }
  await askAll(url, tokens, stopped.signal)
})

/** Asks the cases on a Worker and a database of their own. */
export async function demo(args: string[]): Promise<void> {
  if (args.length > 0) throw new CommandError('npm run demo takes no arguments', 2)
  stopAllAtTheEnd()
  const log: string[] = []
  try {
    process.stdout.write('Starting a Worker with a database of its own\n\n')
    const { url, settings, key } = await startThrowawayWorker('demo', (text) => log.push(text))
    const shopper = { accountId: 'ada', memberId: 'ada-1', expiresInSeconds: 600 }
    const account = await mintAccountToken(settings, { ...shopper, storeId: key.storeId })
    const tokens = await smokeTokens(url, {
      SMOKE_ACCOUNT_TOKEN: account,
      SMOKE_CLIENT_ID: key.clientId,
      SMOKE_CLIENT_SECRET: key.clientSecret,
    })
    await askAll(url, tokens, new AbortController().signal)
  } catch (error) {
    if (!(error instanceof StoppedError)) process.stderr.write(log.join(''))
    throw error
  } finally {
    await stopAll()
  }
}

function addressOf(positionals: string[]): string {
  const [address, ...others] = positionals
  const url = URL.parse(address ?? '')
  if (address === undefined || others.length > 0 || url === null) {
    throw badArgument('Name one address, as in npm run smoke -- https://carts.example')
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.includes(url.hostname))) {
    throw badArgument('The address must be https; http is for this machine alone')
  }
  if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw badArgument(`The address must have no path: ${url.origin}`)
  }
  return url.origin
}

interface SmokeResult extends Pick<SmokeCase, 'title' | 'status' | 'lacks'> {
  /** Absent without a response. */
  got?: number
  ms?: number
  breaches: string[]
}

interface Received {
  status: number
  headers: Headers
  text: string
}

const DEADLINE_MS = 15_000
const TRIES = 3
const PAUSE_MS = 1_000

/**
 * Asks every case until the signal, takes back every association that it can, and prints the results.
 *
 * @throws the reason of the signal; CommandError if a response is not as promised or an association is left behind
 */
async function askAll(url: string, tokens: SmokeTokens, signal: AbortSignal): Promise<void> {
  const results: SmokeResult[] = []
  const made: SmokeCase[] = []
  for (const each of smokeCases(tokens)) {
    if (signal.aborted) break
    const result = await resultOf(url, each, signal)
    results.push(result)
    // Without a response, it may have been written nevertheless. A redirect is not followed.
    const { got = 200, lacks } = result
    const refused = lacks.length > 0 || (got >= 300 && got < 500)
    if (each.associates !== undefined && !refused) made.push(each)
  }
  const leftBehind: SmokeCase[] = []
  for (const each of made) {
    if (!(await takeBack(url, each, tokens))) leftBehind.push(each)
  }
  process.stdout.write(described(results, leftBehind))
  signal.throwIfAborted()
  const missed = results.filter(({ breaches }) => breaches.length > 0).length
  if (missed > 0) throw new CommandError(`${missed} answers are not what the contract says`)
  if (leftBehind.length > 0) throw new CommandError('Not all associations could be taken back')
}

async function resultOf(url: string, smoke: SmokeCase, signal: AbortSignal): Promise<SmokeResult> {
  const { title, status, lacks } = smoke
  const result = { title, status, lacks, breaches: [] }
  if (lacks.length > 0) return result
  const startedAt = performance.now()
  try {
    const received = await send(url, smoke, signal)
    const ms = Math.round(performance.now() - startedAt)
    return { ...result, got: received.status, ms, breaches: breachesOf(url, smoke, received) }
  } catch (error) {
    return { ...result, breaches: [`has no answer: ${reasonOf(error)}`] }
  }
}

function breachesOf(url: string, smoke: SmokeCase, received: Received): string[] {
  const { status, headers, text } = received
  const redirection = redirectionOf(received, url)
  if (redirection !== undefined) return [redirection]
  if (status !== smoke.status) return [`answers ${status} instead of ${smoke.status}`]
  const unseen = Object.entries(smoke.expects)
    .filter(([name, pattern]) => !pattern.test(headers.get(name) ?? ''))
    .map(([name]) => `has ${name}: ${headers.get(name) ?? '(none)'}`)
  return smoke.accepts(parsed(text))
    ? unseen
    : [...unseen, `has another body: ${text.slice(0, 200)}`]
}

/** Returns a text that is no JSON as it is, and undefined for none. */
function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return text
  }
}

/** A server may take back any association, a shopper its own. */
async function takeBack(
  url: string,
  { path, headers, body }: SmokeCase,
  { server }: SmokeTokens,
): Promise<boolean> {
  const asServer = { Authorization: `Bearer ${server}` }
  const request = { method: 'DELETE', path, headers: server ? asServer : headers, body }
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const received = await send(url, request).catch(() => undefined)
    if (received?.status === 204) return true
    if (received !== undefined && received.status < 500) return false
    await sleep(PAUSE_MS)
  }
  return false
}

/** Sends a request to this address and no other, as JSON if it says nothing else. */
async function send(
  url: string,
  { method, path, headers, body }: Pick<SmokeCase, 'method' | 'path' | 'headers' | 'body'>,
  ...signals: AbortSignal[]
): Promise<Received> {
  const response = await fetch(`${url}${path}`, {
    method,
    redirect: 'manual',
    signal: AbortSignal.any([...signals, AbortSignal.timeout(DEADLINE_MS)]),
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** A row for each case, and below what is not as promised. */
function described(results: SmokeResult[], leftBehind: SmokeCase[]): string {
  const asked = results.filter(({ lacks }) => lacks.length === 0)
  const good = asked.filter(({ breaches }) => breaches.length === 0)
  const rows = results.map(({ title, status, got = '-', ms = '-', lacks, breaches }) => {
    const asPromised = breaches.length === 0 ? styled('green', 'yes') : styled('red', 'NO')
    const verdict = lacks.length > 0 ? styled('yellow', 'skipped') : asPromised
    return [title, `${status}`, `${got}`, `${ms}`, verdict]
  })
  const skipped = Map.groupBy(
    results.filter(({ lacks }) => lacks.length > 0),
    ({ lacks }) => lacks.join(' and '),
  )
  const lines = [
    ...results.flatMap(({ title, breaches }) => breaches.map((breach) => `${title}: ${breach}`)),
    ...[...skipped].map(
      ([lack, { length }]) =>
        `Skipped, for want of ${lack}: ${length} ${length === 1 ? 'case' : 'cases'}`,
    ),
    ...leftBehind.map(
      ({ path, associates }) =>
        `Left behind: the account ${associates} of the cart ${path.split('/')[3]}`,
    ),
    `${good.length} of ${asked.length} answers are as the contract says`,
  ]
  return `${table([['CASE', 'EXPECTED', 'GOT', 'MS', 'OK'], ...rows])}\n${lines.join('\n')}\n`
}
