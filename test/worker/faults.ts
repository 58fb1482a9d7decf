// The faults of a call to D1, and the plans that assign them to the calls of a request.
import { type Around, d1Error } from './wrapped-d1.ts'

/** `transient` may be tried again; all others end the request. `fault` is our own mistake. */
export type FaultKind = 'transient' | 'exhausted' | 'lasting' | 'unknown' | 'fault' | 'stalled'

export interface Fault {
  name: string
  kind: FaultKind
  /** When the database commits the call, if it does. */
  commits: 'never' | 'first' | 'after the answer' | 'after the next request'
  /** How the caller notices; `never` if the call stalls. */
  told: 'rejected' | 'thrown' | 'never'
  afterMs: number
  reason: unknown
}

/** The faults of the calls in order. Later calls succeed, unless the last fault `lasts`. */
export interface Plan {
  name: string
  faults: readonly Fault[]
  lasts: boolean
}

export interface Reason {
  name: string
  value: unknown
}

/** https://developers.cloudflare.com/d1/observability/debug-d1/#error-list */
export const TRANSIENT = [
  'Network connection lost.',
  'Internal error in D1 DB storage caused object to be reset.',
  'D1 DB reset because its code was updated.',
  'Cannot resolve D1 DB due to transient issue on remote node.',
]
export const EXHAUSTED = [
  'D1 DB is overloaded. Requests queued for too long.',
  'D1 DB is overloaded. Too many requests queued.',
  'D1 DB storage operation exceeded timeout which caused object to be reset.',
  "D1 DB's isolate exceeded its memory limit and was reset.",
  'D1 DB exceeded its CPU time limit and was reset.',
]
export const LASTING = [
  'Your account has exceeded D1 daily limits.',
  'Currently processing a long-running export.',
]

const SLOW_MS = 3_000

export const reasons: Record<FaultKind, readonly Reason[]> = {
  stalled: [{ name: 'nothing', value: undefined }],
  transient: TRANSIENT.flatMap(wrapped),
  exhausted: EXHAUSTED.flatMap(wrapped),
  lasting: LASTING.flatMap(wrapped),
  fault: [
    ...wrapped('no such table: associations'),
    { name: 'a TypeError', value: new TypeError('batch is not a function') },
  ],
  unknown: [
    ...wrapped('The database was struck by lightning.'),
    { name: 'an Error without a message', value: new Error() },
    { name: 'a text', value: 'insert into associations' },
    { name: 'an object', value: { code: 7 } },
    { name: 'undefined', value: undefined },
  ],
}

/** The bare message, as D1 wraps it, and below causes that say nothing. */
function wrapped(message: string): Reason[] {
  const nested = new Error('D1_ERROR', { cause: new Error('', { cause: new Error(message) }) })
  return [
    { name: `"${message}"`, value: new Error(message) },
    { name: `"D1_ERROR: ${message}"`, value: d1Error(message) },
    { name: `a cause "${message}"`, value: nested },
  ]
}

/** A fault without its reason. */
export interface Slot extends Pick<Fault, 'kind' | 'commits' | 'told' | 'afterMs'> {}

const rejected = { commits: 'never', told: 'rejected', afterMs: 0 } as const
const thrown = { commits: 'never', told: 'thrown', afterMs: 0 } as const
const lost = { commits: 'first', told: 'rejected', afterMs: 0 } as const
const stalled = { kind: 'stalled', told: 'never', afterMs: Number.POSITIVE_INFINITY } as const

/** Every way in which a call can fail. */
export const slots: readonly Slot[] = [
  ...(['transient', 'exhausted', 'lasting', 'unknown', 'fault'] as const).flatMap((kind) =>
    [rejected, thrown, lost].map((delivery) => ({ kind, ...delivery })),
  ),
  { kind: 'transient', ...rejected, afterMs: SLOW_MS },
  { kind: 'transient', ...lost, afterMs: SLOW_MS },
  { ...stalled, commits: 'never' },
  { ...stalled, commits: 'first' },
  { ...stalled, commits: 'after the answer' },
  { ...stalled, commits: 'after the next request' },
]

export function faultOf(slot: Slot, reason: Reason): Fault {
  const slow = slot.told === 'rejected' && slot.afterMs > 0 ? ' slowly' : ''
  const committed = slot.commits === 'never' ? '' : `, committed ${slot.commits}`
  const name = slot.kind === 'stalled' ? 'stalled' : `${slot.told}${slow} with ${reason.name}`
  return { ...slot, name: `${name}${committed}`, reason: reason.value }
}

const connectionLost = {
  name: 'a lost connection',
  value: d1Error('Network connection lost.'),
}
const unreached = faultOf({ kind: 'transient', ...rejected }, connectionLost)
const unacknowledged = faultOf({ kind: 'transient', ...lost }, connectionLost)

/** Plans the fault for the first call, for all calls, for the second and for the third. */
export function plansOf(fault: Fault): Plan[] {
  const plan = (...faults: Fault[]): Plan => ({
    name: faults.map(({ name }) => name).join(', then '),
    faults,
    lasts: false,
  })
  const always = { ...plan(fault), name: `always ${fault.name}`, lasts: true }
  const plans = [plan(fault), always, plan(unreached, fault), plan(unacknowledged, fault)]
  if (fault.kind === 'transient') return [...plans, plan(fault, fault)]
  return [...plans, plan(unacknowledged, unreached, fault)]
}

/** Returns the fault of the call with this number. */
export function faultAt({ faults, lasts }: Plan, number: number): Fault | undefined {
  return faults[number - 1] ?? (lasts ? faults.at(-1) : undefined)
}

/** Wraps the calls of a request, and keeps stalled calls for later. */
export interface Acts {
  around: Around
  /** Commits the calls that have stalled so far. */
  land: (when: Fault['commits']) => Promise<void>
  startedAt: () => number
}

/** Carries out the plan, and awaits `between` before the call with this number. */
export function act(plan: Plan, between: (number: number) => Promise<void> | undefined): Acts {
  const stalled: { commits: Fault['commits']; call: () => Promise<unknown> }[] = []
  let startedAt = Number.NaN
  const befall = async (fault: Fault, call: () => Promise<D1Result[]>): Promise<D1Result[]> => {
    if (fault.commits === 'first') await unheard(call)
    if (fault.told === 'never') {
      stalled.push({ commits: fault.commits, call })
      return await new Promise(() => undefined)
    }
    if (fault.afterMs > 0) await new Promise((resolve) => setTimeout(resolve, fault.afterMs))
    return await Promise.reject(fault.reason)
  }
  return {
    around: (number, call) => {
      if (number === 1) startedAt = Date.now()
      const fault = faultAt(plan, number)
      if (fault?.told === 'thrown') throw fault.reason
      const made = () => (fault === undefined ? call() : befall(fault, call))
      return between(number)?.then(made) ?? made()
    },
    land: async (when) => {
      const due = stalled.filter(({ commits }) => commits === when)
      await Promise.all(due.map(({ call }) => unheard(call)))
    },
    startedAt: () => startedAt,
  }
}

/** Makes the call and loses its result, even if the table refuses the write. */
async function unheard(call: () => Promise<unknown>): Promise<void> {
  await call().catch(() => undefined)
}
