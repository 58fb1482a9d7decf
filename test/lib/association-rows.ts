// Associations of any number, for bench scale and for imports: the first rows of one sequence. Ids are
// computed from numbers, so a request for a row needs no list of ids.
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { CSV_HEADER, lineOf } from '../../tools/data/association-file.ts'

/** The key of an association in its store. */
export interface Key {
  cart: string
  account: string
}

/** Carts of an ordinary account. */
export const CARTS_OF_ACCOUNT = 3

/** From this size on, no hot rows are added; a smaller database has its share of them. */
export const FULLY_HOT = 1_000_000

/** Below that size, each block of 100 rows begins with 10 rows of the hot account and 1 of the hot cart. */
const BLOCK = 100
const HOT_CARTS = 10
const HOT_ROWS = 11

const FIRST_MS = Date.UTC(2026, 0)
const ID_KINDS = ['cart', 'account', 'hot cart', 'hot account', 'member', 'request'] as const
const MAX_IDS_OF_KIND = 2 ** 28

const words = new Uint32Array(4)
const bytes = Buffer.from(words.buffer)

const HOT_CART = idOf('hot cart', 0)
const HOT_ACCOUNT = idOf('hot account', 0)

/** How many rows of each kind a database of this size has: of ordinary accounts, of one hot account and of one hot cart. */
export function kindsIn(size: number) {
  const blocks = Math.floor(Math.min(size, FULLY_HOT) / BLOCK)
  const rest = Math.min(size, FULLY_HOT) % BLOCK
  const hotCarts = blocks * HOT_CARTS + Math.min(rest, HOT_CARTS)
  const hotAccounts = blocks + (rest < HOT_ROWS ? 0 : 1)
  const accounts = Math.floor((size - hotCarts - hotAccounts) / CARTS_OF_ACCOUNT)
  return { accounts, hotCarts, hotAccounts }
}

/** The row of this number, from 0. Each row is younger than the row before. */
export function rowAt(number: number) {
  return {
    ...keyAt(number),
    createdAt: FIRST_MS + number,
    usedAt: FIRST_MS + number,
    createdBy: idOf('member', number),
    requestId: idOf('request', number),
  }
}

export function backgroundKey(number: number): Key {
  return {
    cart: idOf('cart', number),
    account: idOf('account', Math.floor(number / CARTS_OF_ACCOUNT)),
  }
}

export function hotAccountKey(number: number): Key {
  return { cart: idOf('hot cart', number + 1), account: HOT_ACCOUNT }
}

export function hotCartKey(number: number): Key {
  return { cart: HOT_CART, account: idOf('hot account', number + 1) }
}

function keyAt(number: number): Key {
  if (number >= FULLY_HOT) return backgroundKey(number - (FULLY_HOT / BLOCK) * HOT_ROWS)
  const block = Math.floor(number / BLOCK)
  const place = number % BLOCK
  if (place < HOT_CARTS) return hotAccountKey(block * HOT_CARTS + place)
  if (place < HOT_ROWS) return hotCartKey(block)
  return backgroundKey(block * (BLOCK - HOT_ROWS) + place - HOT_ROWS)
}

/** In the form of a UUID: as random as one for a b-tree, and different for every number. */
function idOf(kind: (typeof ID_KINDS)[number], number: number): string {
  const first = mixed(ID_KINDS.indexOf(kind) * MAX_IDS_OF_KIND + number)
  words.set([first, mixed(first + 1), mixed(first + 2), mixed(first + 3)])
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A different 32-bit number for each 32-bit number (the lowbias32 hash of Chris Wellons). */
function mixed(number: number): number {
  let hash = Math.imul(number ^ (number >>> 16), 0x21f0aaad)
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** Writes a file of that many rows, all different, one store after the other again and again. */
export async function writeAssociations(
  file: string,
  rows: number,
  stores: readonly string[],
): Promise<void> {
  function* lines(): Generator<string, void> {
    yield CSV_HEADER
    for (let number = 0; number < rows; number += 1) {
      const { cart, account, createdAt, usedAt, createdBy, requestId } = rowAt(number)
      const store = stores[number % stores.length] ?? ''
      yield lineOf([store, cart, account, createdAt, usedAt, createdBy, requestId], 'csv')
    }
  }
  await pipeline(lines, createWriteStream(file))
}
