// What is wrong with a member of a body, in Elastic Path's words.
import type * as v from 'valibot'
import type { ErrorObject } from '../errors.ts'
import { SAFE_ID_RULE } from '../ids.ts'

/** Describes a text that is absent, of another type, or not a safe id. */
export function describeText(
  { type, input }: v.BaseIssue<unknown>,
  member: string,
  source = member,
): ErrorObject {
  if (input === undefined) return { title: 'required', detail: `${member} is required`, source }
  if (type === 'string') return describeType('string', input, source)
  return { title: 'pattern', detail: `${member} must be ${SAFE_ID_RULE}`, source }
}

export function describeType(expected: string, input: unknown, source: string): ErrorObject {
  const detail = `Invalid type. Expected: ${expected}, given: ${jsonTypeOf(input)}`
  return { title: 'invalid_type', detail, source }
}

export function isJsonObject(value: unknown): value is object {
  return jsonTypeOf(value) === 'object'
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
