// The accounts that a body names: resource identifiers (JSON:API 1.1, "Resource Identifier Objects").
import * as v from 'valibot'
import { ApiError, type ErrorObject } from '../errors.ts'
import { safeId } from '../ids.ts'
import { MAX_ACCOUNTS } from '../limits.ts'
import { describeText, describeType, isJsonObject } from './issues.ts'

const identifierSchema = v.pipe(
  v.custom<object>(isJsonObject),
  v.object({ type: v.literal('account'), id: safeId }),
)

/**
 * Returns the distinct account ids of `{ "data": [...] }`, or of the bare array, in their order.
 *
 * @throws ApiError 400 with one error object for each bad element
 */
export function parseAccountIds(body: unknown): string[] {
  const elements = elementsOf(body)
  const ids = new Set<string>()
  const errors: ErrorObject[] = []
  for (const [index, element] of elements.entries()) {
    const result = v.safeParse(identifierSchema, element, { abortEarly: true })
    if (result.success) ids.add(result.output.id)
    else errors.push(describe(result.issues[0], `data[${index}]`))
  }
  const [first, ...others] = errors
  if (first !== undefined) throw new ApiError(400, [first, ...others])
  return [...ids]
}

function elementsOf(body: unknown): unknown[] {
  // Elastic Path's own storefront sends the array without the object around it.
  const data = isJsonObject(body) && 'data' in body ? body.data : body
  if (!Array.isArray(data)) {
    throw invalidData('Invalid json payload', 'data must be an array of resource identifiers')
  }
  if (data.length === 0) throw invalidData('array_min_items', 'Array must have at least 1 items')
  if (data.length > MAX_ACCOUNTS) {
    throw invalidData('array_max_items', `Array must have at most ${MAX_ACCOUNTS} items`)
  }
  return data
}

function invalidData(title: string, detail: string): ApiError {
  return new ApiError(400, [{ title, detail, source: 'data' }])
}

function describe(issue: v.InferIssue<typeof identifierSchema>, element: string): ErrorObject {
  const member = v.getDotPath(issue)
  if (member === null) return describeType('object', issue.input, element)
  const source = `${element}.${member}`
  if (member === 'id') return describeText(issue, 'id', source)
  return {
    title: 'The type does not exist or is not listed as account',
    detail: 'Ensure that the type is account and is present.',
    source,
  }
}
