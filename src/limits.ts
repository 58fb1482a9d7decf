// The numbers that the contract promises to callers.

/** Accounts in one body, and in a cart resource. */
export const MAX_ACCOUNTS = 100

export const MAX_BODY_BYTES = 64 * 1024
export const BODY_DEADLINE_SECONDS = 10

/** Rows in one page of a list, and rows before it. */
export const LIMIT = { min: 1, max: 100, default: 20 } as const
export const OFFSET = { min: 0, max: 10_000, default: 0 } as const

/** Days that an association lives after its last use. */
export const TTL_DAYS = { min: 1, max: 3650 } as const

/** Carts that an account may have by the requests of a shopper. */
export const CARTS_PER_ACCOUNT = { min: 1, max: 1_000, default: 100 } as const

/** Seconds that an invitation is good. */
export const INVITATION_SECONDS = { min: 60, max: 604_800, default: 86_400 } as const

/** The last row that paging can reach: a list costs the same for an account of any size. */
export const MAX_COUNTED = OFFSET.max + LIMIT.max

export interface Range {
  min: number
  max: number
}

export function isWithin(value: number, { min, max }: Range): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

/** The rule that a message names if a value is outside of the range. */
export function rangeRule({ min, max }: Range): string {
  return `must be a whole number from ${min} to ${max}`
}
