// Asks the cases of npm run smoke one after the other, takes back whatever they associated, and reports.
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { CommandError, styled, table } from '../lib/command-line.ts'
import { reasonOf, redirectionOf } from '../lib/responses.ts'
import { type Association, accounts, type Need, type SmokeCase } from './cases.ts'
import type { SmokeTokens } from './tokens.ts'

interface SmokeResult {
  title: string
  expected: number
  /** Absent without a response. */
  got?: number
  ms?: number
  breaches: string[]
  /** The tokens that it lacks. */
  skipped?: Need[]
}

interface SmokeReport {
  results: SmokeResult[]
  leftBehind: Association[]
}

interface Received {
  status: number
  headers: Headers
  text: string
}

const DEADLINE_MS = 15_000
const TRIES = 3
const PAUSE_MS = 1_000
const EVERYWHERE = ['x-request-id', 'access-control-expose-headers', 'x-content-type-options']

/** Asks every case until the signal; takes back every association that it can. */
export async function runSmoke(
  url: string,
  cases: SmokeCase[],
  tokens: SmokeTokens,
  signal: AbortSignal,
): Promise<SmokeReport> {
  const results: SmokeResult[] = []
  const made: Association[] = []
  for (const each of cases) {
    if (signal.aborted) break
    results.push(await resultOf(url, each, tokens, made, signal))
  }
  const leftBehind: Association[] = []
  for (const association of made) {
    if (!(await takeBack(url, association, tokens))) leftBehind.push(association)
  }
  return { results, leftBehind }
}

async function resultOf(
  url: string,
  smoke: SmokeCase,
  tokens: SmokeTokens,
  made: Association[],
  signal: AbortSignal,
): Promise<SmokeResult> {
  const { title, associates, answer, needs } = smoke
  const expected = answer.status
  const has: Record<Need, boolean> = {
    'an access token': tokens.access !== undefined,
    'an implicit token': tokens.implicit,
    'an account token': tokens.account !== undefined,
    'a server token': tokens.server !== undefined,
  }
  const skipped = needs.filter((need) => !has[need])
  if (skipped.length > 0) return { title, expected, breaches: [], skipped }
  const startedAt = performance.now()
  try {
    const received = await send(url, smoke, signal)
    const ms = Math.round(performance.now() - startedAt)
    // A redirect is not followed, so nothing was written.
    const refused = received.status >= 300 && received.status < 500
    if (associates !== undefined && !refused) made.push(associates)
    return { title, expected, got: received.status, ms, breaches: breaches(url, smoke, received) }
  } catch (error) {
    // It may have been written nevertheless.
    if (associates !== undefined) made.push(associates)
    return { title, expected, breaches: [`has no answer: ${reasonOf(error)}`] }
  }
}

function breaches(url: string, smoke: SmokeCase, received: Received): string[] {
  const { answer, expects = {}, statusOnly } = smoke
  const { status, headers, text } = received
  const redirection = redirectionOf(received, url)
  if (redirection !== undefined) return [redirection]
  if (status !== answer.status) return [`answers ${status} instead of ${answer.status}`]
  const unseen = Object.entries(expects)
    .filter(([name, pattern]) => !pattern.test(headers.get(name) ?? ''))
    .map(([name]) => `has ${name}: ${headers.get(name) ?? '(none)'}`)
  if (statusOnly) return unseen
  const missing = EVERYWHERE.filter((name) => !headers.has(name)).map((name) => `has no ${name}`)
  const body = isAsPromised(smoke, text) ? [] : [`has another body: ${text.slice(0, 200)}`]
  return [...unseen, ...missing, ...body]
}

function isAsPromised({ answer, part = (whole) => whole }: SmokeCase, text: string): boolean {
  try {
    return isDeepStrictEqual(text === '' ? undefined : part(JSON.parse(text)), answer.body)
  } catch {
    // The body is not JSON, or lacks the part to compare.
    return false
  }
}

/** A server may take back any association, a shopper its own. */
async function takeBack(
  url: string,
  { cart, account }: Association,
  { server, access, account: accountToken = '' }: SmokeTokens,
): Promise<boolean> {
  const asShopper = { 'EP-Account-Management-Authentication-Token': accountToken }
  const request = {
    method: 'DELETE',
    path: `/v2/carts/${cart}/relationships/accounts`,
    headers: { Authorization: `Bearer ${server ?? access}`, ...(server ? {} : asShopper) },
    body: accounts(account),
  }
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
export function describe({ results, leftBehind }: SmokeReport): string {
  const asked = results.filter(({ skipped }) => skipped === undefined)
  const good = asked.filter(({ breaches }) => breaches.length === 0)
  const rows = results.map((result) => [
    result.title,
    `${result.expected}`,
    `${result.got ?? '-'}`,
    `${result.ms ?? '-'}`,
    verdictOf(result),
  ])
  const lacking = Map.groupBy(
    results.flatMap(({ skipped }) => skipped?.join(' and ') ?? []),
    (lack) => lack,
  )
  const lines = [
    ...results.flatMap(({ title, breaches }) => breaches.map((breach) => `${title}: ${breach}`)),
    ...[...lacking].map(
      ([lack, { length }]) =>
        `Skipped, for want of ${lack}: ${length} ${length === 1 ? 'case' : 'cases'}`,
    ),
    ...leftBehind.map(
      ({ cart, account }) => `Left behind: the account ${account} of the cart ${cart}`,
    ),
    `${good.length} of ${asked.length} answers are as the contract says`,
  ]
  return `${table([['CASE', 'EXPECTED', 'GOT', 'MS', 'OK'], ...rows])}\n${lines.join('\n')}\n`
}

function verdictOf({ skipped, breaches }: SmokeResult): string {
  if (skipped !== undefined) return styled('yellow', 'skipped')
  return breaches.length === 0 ? styled('green', 'yes') : styled('red', 'NO')
}

/** @throws CommandError if a response is not as promised, or an association is left behind */
export function requireGood({ results, leftBehind }: SmokeReport): void {
  const missed = results.filter(({ breaches }) => breaches.length > 0).length
  if (missed > 0) throw new CommandError(`${missed} answers are not what the contract says`)
  if (leftBehind.length > 0) throw new CommandError('Not all associations could be taken back')
}
