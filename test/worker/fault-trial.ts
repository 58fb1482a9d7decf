// Tries a fault point: sends the request with faults, repeats it without, and compares the rows.
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import {
  type Answer,
  accountsBefore,
  DEADLINE_MS,
  expectedOf,
  type Interference,
  newScene,
  type Operation,
  type Point,
  type Scene,
  type Source,
} from './fault-model.ts'
import { act } from './faults.ts'
import { accounts, accountsOf, type Changes, sendJsonWith } from './requests.ts'
import { type AssociationRow, insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

// Allows for timers that fire a little early, and for a busy machine.
const EARLIEST_MS = DEADLINE_MS - 100
const LATEST_MS = DEADLINE_MS + 2_000
/** How long after the deadline the slowest fault, and the pause before a retry, may end. */
const STRAGGLERS_MS = 1_500

interface Asked {
  method: string
  path: string
  headers: Record<string, string>
  body?: unknown
}

interface Answered extends Answer {
  requestId: string | null
  retryAfter: string | null
  at: number
}

export interface Outcome {
  point: Point
  status: number
  /** The differences from the model; `undefined` if there are none. */
  wrong: string | undefined
  /** Whether only times or call counts differ, while timers fired late: not the Worker's fault. */
  disturbed: boolean
}

export async function tryPoint(point: Point, clock: Clock): Promise<Outcome> {
  const started = Date.now()
  const { operation, interference } = point
  const scene = newScene(operation.accounts)
  let interferedBy: string | null = null
  const acts = act(point.plan, (number) => {
    if (interference?.before !== number) return undefined
    return interfere(interference, scene).then((requestId) => {
      interferedBy = requestId
    })
  })
  const d1 = wrapD1(env.DB, acts.around)
  const { method, changes } = operation
  const asked = {
    method,
    path: operation.path(scene),
    headers: await operation.headers(scene),
    body: operation.body?.(scene),
  }
  await insertRows(
    accountsBefore(point.state, scene).map((id) => ({ cart_id: scene.cart, account_id: id })),
  )

  const first = await answer(asked, { ...changes, DB: d1.db })
  const rows = await rowsOf(scene.cart)
  await acts.land('after the answer')
  const again = await answer(asked, changes)
  await acts.land('after the next request')
  if (isSlow(point)) await new Promise((resolve) => setTimeout(resolve, STRAGGLERS_MS))
  const rowsInTheEnd = await rowsOf(scene.cart)

  const sources = { request: first.requestId, again: again.requestId, interference: interferedBy }
  const expected = expectedOf(point, scene)
  const wrong = difference(
    {
      answer: { status: first.status, body: first.body },
      retryAfter: Number(first.retryAfter) >= 1,
      identified: first.requestId !== null,
      took: took(first.at - acts.startedAt()),
      calls: d1.calls(),
      rows: rowsBySource(rows, sources),
      again: { status: again.status, body: again.body },
      rowsInTheEnd: rowsBySource(rowsInTheEnd, sources),
    },
    {
      answer: told(operation, expected.answer),
      retryAfter: expected.answer.status === 503,
      identified: true,
      took: expected.atDeadline ? 'the deadline' : 'less',
      calls: expected.calls,
      rows: Object.fromEntries(expected.rows),
      again: told(operation, expected.again),
      rowsInTheEnd: Object.fromEntries(expected.rowsInTheEnd),
    },
  )
  const ofTime = wrong !== undefined && /"(took|calls)":/.test(wrong)
  const disturbed = ofTime && !clock.keptTimeSince(started)
  return { point, status: first.status, wrong, disturbed }
}

/** Whether the point waits for more than the database. */
export function isSlow({ plan }: Point): boolean {
  return plan.faults.some(({ afterMs }) => afterMs > 0)
}

/** Sends the second caller's request, waits for its response and returns its request id. */
async function interfere({ kind }: Interference, scene: Scene): Promise<string | null> {
  const takes = kind === 'take'
  const { requestId } = await answer({
    method: kind === 'dissociate' ? 'DELETE' : 'POST',
    path: accountsOf(scene.cart),
    headers: takes ? await shopper(scene.rival) : await server(),
    body: takes ? accounts(scene.rival) : accounts(...scene.mine),
  })
  return requestId
}

async function answer(
  { method, path, headers, body }: Asked,
  changes: Changes = {},
): Promise<Answered> {
  const none = { status: 0, requestId: null, retryAfter: null, at: 0 }
  const late = Promise.withResolvers<Answered>()
  const timer = setTimeout(() => late.resolve({ ...none, body: 'No answer' }), LATEST_MS + 1_000)
  const answered = await Promise.race([
    sendJsonWith(changes, method, path, headers, body)
      .then(read)
      .catch((error: unknown) => ({ ...none, body: `Thrown: ${String(error)}` })),
    late.promise,
  ])
  clearTimeout(timer)
  return answered
}

async function read(response: Response): Promise<Answered> {
  const at = Date.now()
  const text = await response.text()
  return {
    status: response.status,
    body: text === '' ? undefined : JSON.parse(text),
    requestId: response.headers.get('X-Request-Id'),
    retryAfter: response.headers.get('Retry-After'),
    at,
  }
}

function told({ method }: Operation, { status, body }: Answer): Answer {
  return { status, body: method === 'HEAD' ? undefined : body }
}

function took(ms: number): string {
  if (ms < EARLIEST_MS) return 'less'
  return ms <= LATEST_MS ? 'the deadline' : `${ms} ms`
}

/** Finds the source of each stored row by its `request_id`, and by whether it was used again. */
function rowsBySource(
  stored: readonly AssociationRow[],
  requestIds: Record<Exclude<Source, 'before' | 'touched'>, string | null>,
): Record<string, string> {
  const sources = new Map(Object.entries(requestIds).map(([source, id]) => [id, source]))
  return Object.fromEntries(
    stored.map(({ account_id, request_id, created_at, used_at }) => {
      const before = used_at > created_at ? 'touched' : 'before'
      const source = request_id === 'test' ? before : sources.get(request_id)
      return [account_id, source ?? 'unknown']
    }),
  )
}

/** Names the members that differ, and their actual values. */
function difference(
  observed: Record<string, unknown>,
  expected: Record<string, unknown>,
): string | undefined {
  const differing = Object.keys(expected).filter((name) => !equal(observed[name], expected[name]))
  const only = (of: Record<string, unknown>) =>
    JSON.stringify(Object.fromEntries(differing.map((name) => [name, of[name]])))
  return differing.length === 0 ? undefined : `${only(observed)}, not ${only(expected)}`
}

function equal(observed: unknown, expected: unknown): boolean {
  try {
    expect(observed).toEqual(expected)
    return true
  } catch {
    return false
  }
}

// Whether timers fire on time: on a busy machine, a wait of 3 s may take 5.
const TICK_MS = 50
const LATE_MS = 250

export interface Clock {
  /** Whether no timer has fired late since then. */
  keptTimeSince: (start: number) => boolean
  stop: () => void
}

export function watchClock(): Clock {
  let ticked = Date.now()
  let lastLate = 0
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - ticked > TICK_MS + LATE_MS) lastLate = now
    ticked = now
  }, TICK_MS)
  return { keptTimeSince: (start) => lastLate < start, stop: () => clearInterval(timer) }
}
