// What npm start gives to the page, and what each device remembers while its browser tab is open.
import * as v from 'valibot'

const account = v.object({ name: v.string(), accountId: v.string(), accountToken: v.string() })
const session = v.object({
  clientId: v.string(),
  /** Absent if an issuer elsewhere signs the account tokens: npm start cannot. */
  accounts: v.optional(v.object({ ada: account, ben: account })),
})

/** A shopper who can sign in, and the token that proves it. */
export type Account = v.InferOutput<typeof account>
export type Session = v.InferOutput<typeof session>

export const SESSION_PATH = '/playground/session.json'

export async function loadSession(): Promise<Session> {
  const response = await fetch(SESSION_PATH, { cache: 'no-store' })
  return v.parse(session, await response.json())
}

const memory = v.object({
  cartId: v.string(),
  accountId: v.optional(v.string()),
  /** Whether the account has the cart, by the last answer. */
  kept: v.boolean(),
  /** The account has several carts, and the shop has not chosen yet. */
  choosing: v.optional(v.boolean(), false),
  accessToken: v.optional(v.string()),
  /** The last answer's `X-D1-Bookmark`: the next read sees at least as much. */
  bookmark: v.optional(v.string()),
})

/** Outlives a reload as JSON in the session storage. Devices share nothing. */
export type Memory = v.InferOutput<typeof memory>

export const storedMemory = v.pipe(v.string(), v.parseJson(), memory)

/** A new cart, whose id nobody may guess: the first account to claim it has the cart. */
export function newCart(): Memory {
  // Browsers have no randomUUID on pages that came over plain http, except from localhost.
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))]
  const cartId = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return { cartId, kept: false, choosing: false }
}
