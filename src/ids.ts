// What ids may look like: safe ids of carts, accounts, stores and clients, and the subject of a token.
import * as v from 'valibot'

/** 1 to 255 of `A-Z a-z 0-9 _ -` (contract, section 1). */
export const SAFE_ID = /^[A-Za-z0-9_-]{1,255}$/

export const SAFE_ID_RULE = '1 to 255 characters of A-Z a-z 0-9 _ -'

export const safeId = v.pipe(v.string(), v.regex(SAFE_ID))

export function isSafeId(value: unknown): value is string {
  return typeof value === 'string' && SAFE_ID.test(value)
}

/** OpenID Connect Core, section 2: at most 255 ASCII characters. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/

export const SUBJECT_RULE = '1 to 255 printable ASCII characters without spaces'

/** Whether the value can be the `sub` of a token, and so the `created_by` of a row. */
export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && SUBJECT.test(value)
}
