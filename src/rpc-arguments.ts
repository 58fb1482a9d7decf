// The arguments of CartAccounts, checked as strictly as what comes over HTTP.
import * as v from 'valibot'
import { SAFE_ID_RULE, safeId } from './ids.ts'
import { INVITATION_SECONDS, isWithin, LIMIT, OFFSET, type Range, rangeRule } from './limits.ts'

const within = (range: Range) =>
  v.pipe(
    v.number(),
    v.check((value) => isWithin(value, range)),
  )

const claim = v.picklist(['shared', 'unclaimed'])
const cart = { storeId: safeId, cartId: safeId }
const account = { storeId: safeId, accountId: safeId }
/** Up to 100 rows, 20 by default, after the first `offset` of them. */
const page = {
  limit: v.optional(within(LIMIT), LIMIT.default),
  offset: v.optional(within(OFFSET), OFFSET.default),
}

export const cartAndAccount = v.strictObject({ ...cart, ...account })
export const cartOnly = v.strictObject(cart)
export const cartAndPerhapsAccount = v.strictObject({ ...cart, accountId: v.optional(safeId) })
export const newAssociation = v.strictObject({
  ...cart,
  ...account,
  claim: v.optional(claim, 'shared'),
})
export const newInvitation = v.strictObject({
  ...cart,
  claim: v.optional(claim, 'unclaimed'),
  expiresIn: v.optional(within(INVITATION_SECONDS), INVITATION_SECONDS.default),
})
export const cartsOfAccount = v.strictObject({ ...account, ...page })
export const accountsOfCart = v.strictObject({ ...cart, ...page })

const RULES: Record<string, string> = {
  limit: rangeRule(LIMIT),
  offset: rangeRule(OFFSET),
  claim: 'must be shared or unclaimed',
  expiresIn: rangeRule(INVITATION_SECONDS),
}

/** A malformed argument. Other Workers see it as a `TypeError`. */
export class ArgumentError extends TypeError {}

/**
 * Returns the arguments of one call. Rejects an unknown member: it may be a typo of one that would
 * have changed what the call does.
 *
 * @throws ArgumentError naming the malformed member, never its value
 */
export function parseArguments<Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, given, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const member = v.getDotPath(issue)
  if (member === null) throw new ArgumentError('The argument must be an object')
  if (issue.expected === 'never')
    throw new ArgumentError(`${member} is not an argument of this method`)
  throw new ArgumentError(`${member} ${RULES[member] ?? `must be ${SAFE_ID_RULE}`}`)
}
