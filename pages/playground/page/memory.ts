// What one device remembers while its browser tab is open. Devices share nothing.
import * as v from 'valibot'

const remembered = v.object({
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

export type Memory = v.InferOutput<typeof remembered>

const stored = v.pipe(v.string(), v.parseJson(), remembered)

export interface Recalled {
  /** Its members may be set. */
  memory: Memory
  /** Whether the memory comes from an earlier load of the page. */
  recalled: boolean
  /** Writes the memory to the session storage, which outlives a reload. */
  save: () => void
}

export function recall(name: string): Recalled {
  const key = `playground:${name}`
  const result = v.safeParse(stored, sessionStorage.getItem(key))
  const memory = result.success
    ? result.output
    : { cartId: newCartId(), kept: false, choosing: false }
  const save = () => sessionStorage.setItem(key, JSON.stringify(memory))
  return { memory, recalled: result.success, save }
}

/** Resets to the first load: a new cart, and nobody signed in. */
export function forgetAll(memory: Memory): void {
  startNewCart(memory)
  memory.accountId = undefined
  memory.accessToken = undefined
  memory.bookmark = undefined
}

export function startNewCart(memory: Memory): void {
  memory.cartId = newCartId()
  memory.kept = false
  memory.choosing = false
}

/** A random UUID: the first account to claim a cart id has the cart, so nobody may guess it. */
function newCartId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  // Browsers have no randomUUID on pages that came over plain http, except from localhost.
  const hex = [...bytes].map((byte, index) => {
    if (index === 6) return ((byte & 0x0f) | 0x40).toString(16).padStart(2, '0')
    if (index === 8) return ((byte & 0x3f) | 0x80).toString(16).padStart(2, '0')
    return byte.toString(16).padStart(2, '0')
  })
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
