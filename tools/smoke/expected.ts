// The answers that the contract promises, as the cases of npm run smoke compare them.

/** What the contract promises; the response has no body if this has none. */
export interface Answer {
  status: number
  body?: unknown
}

/** The document that names accounts. */
export function accounts(...ids: string[]): { data: { type: string; id: string }[] } {
  return { data: ids.map((id) => ({ type: 'account', id })) }
}

/** Promised for a new association. */
export function associated(...ids: string[]): Answer {
  return { status: 200, body: accounts(...ids) }
}

/** Promised if nothing had to change. */
export const UNCHANGED: Answer = { status: 204 }

export const REFUSED = {
  accessToken: refusal(401, 'Unable to validate access token'),
  accountToken: refusal(403, 'Unable to validate account management authentication token'),
  implicitAlone: refusal(
    403,
    'Forbidden',
    'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
  ),
  account: refusal(403, 'Account does not have the required permissions to fulfill this request'),
  cart: refusal(404, 'Not Found', 'Cart not found'),
  path: refusal(404, 'Not Found'),
  method: refusal(405, 'Method Not Allowed'),
  typo: refusal(
    400,
    'The type does not exist or is not listed as account',
    'Ensure that the type is account and is present.',
    'data[0].type',
  ),
} as const

function refusal(status: number, title: string, detail?: string, source?: string): Answer {
  const error = { status, title, ...(detail && { detail }), ...(source && { source }) }
  return { status, body: { errors: [error] } }
}
