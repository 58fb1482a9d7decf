// What an id may look like: cart, account, store and client ids alike.

/** 1 to 255 of `A-Z a-z 0-9 _ -` (contract, section 1). */
export const SAFE_ID = /^[A-Za-z0-9_-]{1,255}$/

export const SAFE_ID_RULE = '1 to 255 characters of A-Z a-z 0-9 _ -'

export function isSafeId(value: unknown): value is string {
  return typeof value === 'string' && SAFE_ID.test(value)
}
