// One request as it went over the wire, and its answer: how the page reads and shows them.
import * as v from 'valibot'
import type { Item } from './catalogue.ts'

export interface SentRequest {
  method: string
  url: string
  /** As the page set them; the browser adds its own. */
  headers: [name: string, value: string][]
  body: string | undefined
}

export interface Answer {
  status: number
  /** `403 Forbidden` */
  statusLine: string
  headers: Headers
  body: string
}

export interface Exchange {
  request: SentRequest
  /** Absent if the Worker could not be reached. */
  answer: Answer | undefined
  ms: number
}

/** A JSON Web Token in compact form: three parts of base64url, the first an object. */
const TOKEN = /\beyJ[\w-]{7,}\.[\w-]+\.[\w-]+/g

/** Leaves enough of each token to recognize it. */
export function shortenTokens(text: string): string {
  return text.replaceAll(TOKEN, (token) => `${token.slice(0, 8)}…${token.slice(-3)}`)
}

export function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}

export function targetOf({ url }: SentRequest): string {
  const { pathname, search } = new URL(url)
  return decodeURIComponent(pathname + search)
}

/** Leaves enough of each cart id to recognize it. */
export function shortenIds(text: string): string {
  return text.replaceAll(/\b([\da-f]{8})[\da-f]{24}\b/g, '$1…')
}

/** Whether the cart service gets it; cart-accounts gets all other requests. */
export function isForCartService({ url }: SentRequest): boolean {
  return new URL(url).pathname.startsWith('/playground/')
}

const items = v.object({ data: v.array(v.object({ product: v.string(), quantity: v.number() })) })
const carts = v.object({
  data: v.array(v.object({ id: v.string() })),
  meta: v.object({ results: v.object({ total: v.number() }) }),
})

export function itemsOf({ body }: Answer): Item[] {
  return v.parse(items, JSON.parse(body)).data
}

/** The ids of the account's carts, last used first, and how many there are in all. */
export function cartsOf({ body }: Answer): { ids: string[]; total: number } {
  const { data, meta } = v.parse(carts, JSON.parse(body))
  return { ids: data.map(({ id }) => id), total: meta.results.total }
}
