// Every word that an error of this API may contain (contract, sections 4 to 9).
import { expect } from 'vitest'

const RULE = '1 to 255 characters of A-Z a-z 0-9 _ -'
const TYPES = ['application/json', 'application/vnd.api+json']

const TITLES = [
  ...['Unable to validate access token', 'Unauthorized', 'Forbidden', 'Not Found', 'Bad Request'],
  'Unable to validate account management authentication token',
  ...['Precondition Failed', 'Conflict'],
  ...['Method Not Allowed', 'Too Many Requests', 'Payload Too Large', 'Unsupported Media Type'],
  ...['Invalid json payload', 'array_min_items', 'array_max_items', 'invalid_type', 'required'],
  ...['pattern', 'The type does not exist or is not listed as account'],
  'Cannot associate more than one account',
  'Account does not have the required permissions to fulfill this request',
]

const DETAILS = [
  'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
  ...['The access token has expired', 'The client id or the client secret is wrong'],
  ...['Cart not found', 'The request body is not valid JSON'],
  'The request body must be a form or a JSON object that names each parameter once',
  'The request body must be at most 65536 bytes',
  `Content-Type must be ${TYPES.join(' or ')}`,
  `Content-Type must be ${['application/x-www-form-urlencoded', ...TYPES].join(' or ')}`,
  'Content-Encoding must be identity',
  'Conditional writes are not supported, and repeats are harmless',
  'Authorization must be Basic and the base64 of ID:SECRET',
  'client_id must be that of the Authorization header',
  'client_secret must be left out beside HTTP Basic',
  'A filter is required: contains(account_ids,"ID")',
  'Could not parse the supplied filter',
  'page[limit] must be a whole number from 1 to 100',
  'page[offset] must be a whole number from 0 to 10000',
  ...['filter', 'page[limit]', 'page[offset]', 'page[after]'].map(
    (parameter) => `${parameter} must be given once`,
  ),
  ...['data must be an array of resource identifiers', 'data must be an object'],
  'The account has too many carts',
  ...['Array must have at least 1 items', 'Array must have at most 100 items'],
  'Ensure that the type is account and is present.',
  'grant_type must be implicit or client_credentials',
  ...['id', 'cartID', 'accountID', 'client_id', 'page[after]'].map(
    (member) => `${member} must be ${RULE}`,
  ),
  ...['id', 'client_id', 'client_secret'].map((member) => `${member} is required`),
  ...['object', 'string'].flatMap((expected) =>
    ['null', 'boolean', 'number', 'string', 'array', 'object'].map(
      (given) => `Invalid type. Expected: ${expected}, given: ${given}`,
    ),
  ),
]

const SOURCE =
  /^(data(\[\d{1,2}\](\.(type|id))?|\.id)?|id|cartID|accountID|filter|page\[(limit|offset|after)\]|grant_type|client_(id|secret)|Authorization)$/

const titles = new Set(TITLES)
const details = new Set<string | undefined>([undefined, ...DETAILS])

/** Whether the log may give this reason for a refusal. */
export function isOwnReason(reason: unknown): boolean {
  const text = String(reason)
  return titles.has(text) || details.has(text) || /^[A-Z]\w+: [A-Za-z_]+$/.test(text)
}

/** Expects an error document that repeats nothing from the request. */
export function expectOwnWords(body: string): void {
  const { errors, ...others } = Object(JSON.parse(body))
  expect(others).toEqual({})
  const foreign = errors.filter(
    ({ status: _, title, detail, source, ...more }: Record<string, unknown>) =>
      !titles.has(String(title)) ||
      !details.has(detail === undefined ? undefined : String(detail)) ||
      !SOURCE.test(String(source ?? 'data')) ||
      Object.keys(more).length > 0,
  )
  expect(foreign).toEqual([])
}
