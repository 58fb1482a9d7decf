// Finds UUIDs that a file spells in two ways: ids are compared by letter, so they are two ids.
import type { Row } from './association-row.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Bounds the memory: beyond so many UUIDs, new ones are not compared. */
const MAX_KNOWN = 100_000
const MAX_SHOWN = 5

export class UuidSpellings {
  /** The first spelling of each, by the one in lower case. */
  readonly #known = new Map<string, string>()
  readonly #found = new Map<string, string>()

  add([storeId, cartId, accountId]: Row): void {
    for (const id of [storeId, cartId, accountId]) {
      if (!UUID.test(id)) continue
      const lower = id.toLowerCase()
      const first = this.#known.get(lower)
      if (first === undefined && this.#known.size < MAX_KNOWN) this.#known.set(lower, id)
      if (first !== undefined && first !== id) this.#found.set(first, id)
    }
  }

  /** A line that warns, or nothing if there is nothing to warn of. */
  warning(): string {
    if (this.#found.size === 0) return ''
    const pairs = [...this.#found].map(([one, other]) => `${one} and ${other}`)
    const more = pairs.length > MAX_SHOWN ? `, and ${pairs.length - MAX_SHOWN} more` : ''
    return `Warning: two spellings of one UUID are two ids here: ${pairs.slice(0, MAX_SHOWN).join(', ')}${more}\n`
  }
}
