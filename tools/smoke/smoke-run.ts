// Asks the cases of npm run smoke one after the other, and takes back whatever they associated.

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { breachesOf } from '../../test/lib/contract.ts'
import type { Association, Need, SmokeCase } from './smoke-cases.ts'
import { reasonOf, type SmokeTokens } from './smoke-tokens.ts'
import { accounts, comparable, type Received, send } from './steps.ts'

export interface SmokeResult {
  title: string
  expected: number
  /** Absent where nothing was answered, or asked. */
  got?: number
  ms?: number
  /** What is not as promised; none where all of it is. */
  breaches: string[]
  /** Why it was not asked. */
  skipped?: Need[]
}

export interface SmokeReport {
  results: SmokeResult[]
  /** What could not be taken back. */
  leftBehind: Association[]
}

const DEADLINE_MS = 15_000
const TRIES = 3
const PAUSE_MS = 1_000

/** Until all are asked, or the signal ends it; either way, nothing is left behind that could be taken back. */
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

/** What the case needs, and is not given. */
function lackingOf({ needs }: SmokeCase, tokens: SmokeTokens): Need[] {
  const there: Record<Need, boolean> = {
    'an access token': tokens.access !== undefined,
    'an implicit token': tokens.implicit,
    'an account token': tokens.account !== undefined,
    'a server token': tokens.server !== undefined,
  }
  return needs.filter((need) => !there[need])
}

async function resultOf(
  url: string,
  smoke: SmokeCase,
  tokens: SmokeTokens,
  made: Association[],
  signal: AbortSignal,
): Promise<SmokeResult> {
  const { title, associates, answer } = smoke
  const expected = answer.status
  const skipped = lackingOf(smoke, tokens)
  if (skipped.length > 0) return { title, expected, breaches: [], skipped }
  const startedAt = performance.now()
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])
  try {
    const received = await send(url, smoke, deadline)
    const ms = Math.round(performance.now() - startedAt)
    const refused = received.status >= 400 && received.status < 500
    if (associates !== undefined && !refused) made.push(associates)
    return { title, expected, got: received.status, ms, breaches: breaches(smoke, received) }
  } catch (error) {
    // It may have been written all the same.
    if (associates !== undefined) made.push(associates)
    return { title, expected, breaches: [`has no answer: ${reasonOf(error)}`] }
  }
}

function breaches(smoke: SmokeCase, received: Received): string[] {
  const { answer, expects = {}, method, path, statusOnly } = smoke
  const { status, text } = received
  if (status !== answer.status) return [`answers ${status} instead of ${answer.status}`]
  const headers = Object.fromEntries(received.headers)
  const unseen = Object.entries(expects).flatMap(([name, pattern]) =>
    pattern.test(headers[name] ?? '') ? [] : [`has ${name}: ${headers[name] ?? '(none)'}`],
  )
  if (statusOnly) return unseen
  const body = isAsPromised(smoke, received) ? [] : [`has another body: ${text.slice(0, 200)}`]
  return [...unseen, ...body, ...breachesOf({ method, path, status, headers, body: text })]
}

function isAsPromised(smoke: SmokeCase, received: Received): boolean {
  try {
    return isDeepStrictEqual(comparable(received, smoke), { body: undefined, ...smoke.answer })
  } catch {
    // Not JSON, or nothing of what is compared is in there.
    return false
  }
}

/** A server may take back any association, a shopper its own. */
async function takeBack(
  url: string,
  { cart, account }: Association,
  { server, access, account: accountToken }: SmokeTokens,
): Promise<boolean> {
  const headers =
    server === undefined
      ? {
          Authorization: `Bearer ${access}`,
          'EP-Account-Management-Authentication-Token': accountToken ?? '',
        }
      : { Authorization: `Bearer ${server}` }
  const step = {
    title: 'Taking back',
    method: 'DELETE',
    path: `/v2/carts/${cart}/relationships/accounts`,
    headers,
    body: accounts(account),
    answer: { status: 204 },
  }
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const received = await send(url, step, AbortSignal.timeout(DEADLINE_MS)).catch(() => undefined)
    if (received?.status === 204) return true
    if (received !== undefined && received.status < 500) return false
    await sleep(PAUSE_MS)
  }
  return false
}
