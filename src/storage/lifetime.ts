// How long an association lives, and when a repeated one is written again (contract, sections 4 and 13).

export const DAY_MS = 24 * 60 * 60 * 1000
/** A clock may be this far ahead of ours before its times count as ours. */
const CLOCK_SKEW_MS = 5 * 60 * 1000

/** How long associations live, and what a shopper may have. */
export interface Limits {
  /** Milliseconds since the last use; undefined if associations never expire. */
  ttlMs: number | undefined
  cartsPerAccount: number
  /** `invited`: a cart that no account has is claimed with an invitation only. */
  claims: 'open' | 'invited'
}

/** One moment, for all statements of a request: Unix times in milliseconds. */
export type Moment = {
  now: number
  /** An association that was last used then, or earlier, has expired. */
  expiredAt: number
  /** An association that was last used then, or earlier, is written again when it is used. */
  staleAt: number
  /** A time of use beyond this comes from a wrong clock. */
  latest: number
}

export function momentOf({ ttlMs }: Pick<Limits, 'ttlMs'>, now: number): Moment {
  const freshMs = ttlMs === undefined ? DAY_MS : Math.min(DAY_MS, ttlMs / 10)
  return {
    now,
    expiredAt: ttlMs === undefined ? -1 : now - ttlMs,
    staleAt: now - freshMs,
    latest: now + CLOCK_SKEW_MS,
  }
}
