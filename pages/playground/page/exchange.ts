// One request as it went over the wire, with its answer, and how the two are shown.

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
  /** Absent where the Worker could not be reached. */
  answer: Answer | undefined
  ms: number
}

/** A JSON Web Token in compact form: three parts of base64url, the first an object. */
const TOKEN = /\beyJ[\w-]{7,}\.[\w-]+\.[\w-]+/g

/** What is left of a token is enough to see that two are the same one. */
export function shortenTokens(text: string): string {
  return text.replaceAll(TOKEN, (token) => `${token.slice(0, 8)}…${token.slice(-3)}`)
}

/** JSON with indentation; anything else as it is. */
export function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}

/** The path with its query. */
export function targetOf({ url }: SentRequest): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}

/** What is in a cart is the cart service's to say; all other requests are for cart-accounts. */
export function isForCartService({ url }: SentRequest): boolean {
  return new URL(url).pathname.startsWith('/playground/')
}
