// What may stand for whoever asks: `sub` of a token, and so `created_by` of a row.

/** OpenID Connect Core, section 2: at most 255 ASCII characters. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/

export const SUBJECT_RULE = '1 to 255 printable ASCII characters without spaces'

export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && SUBJECT.test(value)
}
