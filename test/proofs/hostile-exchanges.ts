// One exchange over a socket: what a stranger writes, and what must come back.
import type { Connection } from './raw-http.ts'

export interface HostileExchange {
  title: string
  send: (connection: Connection) => Promise<void>
  /** The requests that get a response, in order; no further response may follow. */
  requests: ExpectedAnswer[]
  /** Whether workerd may refuse it, by a response of its own or by hanging up. */
  refusable?: boolean
}

export interface ExpectedAnswer {
  method: string
  path: string
  /** The statuses that are allowed. */
  statuses: number[]
  /** The time within which the response must come. */
  afterMs?: { min: number; max: number }
}

export interface Tokens {
  server: string
  implicit: string
  account: string
}

export const CART = '/v2/carts/hostile'
export const ACCOUNTS = `${CART}/relationships/accounts`
export const JSON_TYPE = 'Content-Type: application/json'
export const ACCOUNT_TOKEN = 'EP-Account-Management-Authentication-Token'
export const body = '{"data":[{"type":"account","id":"hostile"}]}'
export const sized = (text: string | Uint8Array): string => `Content-Length: ${text.length}`
export const CHUNKED = 'Transfer-Encoding: chunked'

export const bearer = (token: string): string => `Authorization: Bearer ${token}`

export function head(requestLine: string, ...headers: string[]): string {
  return `${[requestLine, 'Host: api.example', ...headers].join('\r\n')}\r\n\r\n`
}

export const post = (...headers: string[]): string => head(`POST ${ACCOUNTS} HTTP/1.1`, ...headers)
export const get = (...headers: string[]): string => head(`GET ${CART} HTTP/1.1`, ...headers)

export const posted = (...statuses: number[]): ExpectedAnswer[] => [
  { method: 'POST', path: ACCOUNTS, statuses },
]
export const read = (...statuses: number[]): ExpectedAnswer[] => [
  { method: 'GET', path: CART, statuses },
]

export const writing =
  (...parts: (string | Uint8Array)[]): HostileExchange['send'] =>
  async ({ write }) => {
    for (const part of parts) await write(part)
  }
