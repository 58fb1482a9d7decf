// What other Workers hand over to CartAccounts, checked as strictly as what comes over HTTP.
import * as v from 'valibot'
import { isWithin, LIMIT, OFFSET, type Range, rangeRule } from './limits.ts'
import { SAFE_ID, SAFE_ID_RULE } from './safe-id.ts'

const safeId = v.pipe(v.string(), v.regex(SAFE_ID))
const within = (range: Range) =>
  v.pipe(
    v.number(),
    v.check((value) => isWithin(value, range)),
  )

const cart = { storeId: safeId, cartId: safeId }
const account = { storeId: safeId, accountId: safeId }
/** Up to 100 rows, 20 where it is left out, after the first `offset` of them. */
const page = {
  limit: v.optional(within(LIMIT), LIMIT.default),
  offset: v.optional(within(OFFSET), OFFSET.default),
}

export const cartAndAccount = v.strictObject({ ...cart, ...account })
export const claim = v.strictObject({
  ...cart,
  ...account,
  claim: v.optional(v.picklist(['shared', 'unclaimed']), 'shared'),
})
export const cartsOfAccount = v.strictObject({ ...account, ...page })
export const accountsOfCart = v.strictObject({ ...cart, ...page })

const RULES: Record<string, string> = {
  limit: rangeRule(LIMIT),
  offset: rangeRule(OFFSET),
  claim: 'must be shared or unclaimed',
}

/**
 * The arguments of one call. A member that is not known is refused: it may be a typo of one that
 * would have changed what the call does.
 *
 * @throws TypeError naming the member that is malformed, and never its value
 */
export function parseArguments<Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, given, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const member = v.getDotPath(issue)
  if (member === null) throw new TypeError('The argument must be an object')
  if (issue.expected === 'never') throw new TypeError(`${member} is not an argument of this method`)
  throw new TypeError(`${member} ${RULES[member] ?? `must be ${SAFE_ID_RULE}`}`)
}
