// What one device remembers while its browser tab lives; no device sees what another one has.
import * as v from 'valibot'

const remembered = v.object({
  cartId: v.string(),
  /** Who is signed in. */
  accountId: v.optional(v.string()),
  /** The account has the cart, as the last answer said. */
  kept: v.boolean(),
  accessToken: v.optional(v.string()),
  /** How fresh a read must be at least: the last answer's `X-D1-Bookmark`. */
  bookmark: v.optional(v.string()),
})

export type Memory = v.InferOutput<typeof remembered>

const stored = v.pipe(v.string(), v.parseJson(), remembered)

export interface Recalled {
  /** Its members may be set. */
  memory: Memory
  /** It is of an earlier load of the page. */
  recalled: boolean
  /** Makes it outlive a reload. */
  save: () => void
}

export function recall(name: string): Recalled {
  const key = `playground:${name}`
  const result = v.safeParse(stored, sessionStorage.getItem(key))
  const memory = result.success ? result.output : { cartId: newCartId(), kept: false }
  const save = () => sessionStorage.setItem(key, JSON.stringify(memory))
  return { memory, recalled: result.success, save }
}

/** As after its first load: with a new cart, and nobody signed in. */
export function forgetAll(memory: Memory): void {
  startNewCart(memory)
  memory.accountId = undefined
  memory.accessToken = undefined
  memory.bookmark = undefined
}

export function startNewCart(memory: Memory): void {
  memory.cartId = newCartId()
  memory.kept = false
}

/** A random UUID, of 122 random bits: who first claims a cart id has the cart. */
function newCartId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  // randomUUID is not there where a page came over plain http from another machine.
  const hex = [...bytes].map((byte, index) => {
    if (index === 6) return ((byte & 0x0f) | 0x40).toString(16).padStart(2, '0')
    if (index === 8) return ((byte & 0x3f) | 0x80).toString(16).padStart(2, '0')
    return byte.toString(16).padStart(2, '0')
  })
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
