// The associations of bench:scale: a database of any size is the first rows of one sequence. Ids are
// made from numbers, so that whoever asks for a row need not be told of it.

/** The columns that tell one association from another. */
export interface Key {
  cart: string
  account: string
}

export interface ScaleRow extends Key {
  /** Unix time in milliseconds; each row is younger than those before it. */
  createdAt: number
  createdBy: string
  requestId: string
}

/** How many rows of each kind a database of one size has. */
export interface Kinds {
  /** Accounts with three carts each, all of them in the database. */
  accounts: number
  /** Carts of the one hot account. */
  hotCarts: number
  /** Accounts of the one hot cart. */
  hotAccounts: number
}

export const CARTS_OF_ACCOUNT = 3

/** From this size on, the hot ones are as hot as they get; a smaller database has its share of them. */
export const FULLY_HOT = 1_000_000

/** Of each block of rows below that size, these come first. */
const BLOCK = { rows: 100, hotCarts: 10, hotAccounts: 1 }
const HOT_OF_BLOCK = BLOCK.hotCarts + BLOCK.hotAccounts

const FIRST_MS = Date.UTC(2026, 0)

const ID_KINDS = ['cart', 'account', 'hot cart', 'hot account', 'member', 'request'] as const
type IdKind = (typeof ID_KINDS)[number]
/** Of one kind. */
const MAX_IDS = 2 ** 28

const words = new Uint32Array(4)
const bytes = Buffer.from(words.buffer)

export const HOT_CART = idOf('hot cart', 0)
export const HOT_ACCOUNT = idOf('hot account', 0)

export function kindsIn(size: number): Kinds {
  const inBlocks = Math.min(size, FULLY_HOT)
  const blocks = Math.floor(inBlocks / BLOCK.rows)
  const rest = inBlocks % BLOCK.rows
  const hotCarts = blocks * BLOCK.hotCarts + Math.min(rest, BLOCK.hotCarts)
  const hotAccounts = blocks * BLOCK.hotAccounts + (rest < HOT_OF_BLOCK ? 0 : BLOCK.hotAccounts)
  const accounts = Math.floor((size - hotCarts - hotAccounts) / CARTS_OF_ACCOUNT)
  return { accounts, hotCarts, hotAccounts }
}

/** The row of this number, from 0. */
export function rowAt(number: number): ScaleRow {
  const key = keyAt(number)
  return {
    ...key,
    createdAt: FIRST_MS + number,
    createdBy: idOf('member', number),
    requestId: idOf('request', number),
  }
}

/** An account of the background has three carts, the numbers of which follow each other. */
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
  if (number >= FULLY_HOT) {
    return backgroundKey(number - (FULLY_HOT / BLOCK.rows) * HOT_OF_BLOCK)
  }
  const block = Math.floor(number / BLOCK.rows)
  const place = number % BLOCK.rows
  if (place < BLOCK.hotCarts) return hotAccountKey(block * BLOCK.hotCarts + place)
  if (place < HOT_OF_BLOCK) return hotCartKey(block)
  return backgroundKey(block * (BLOCK.rows - HOT_OF_BLOCK) + place - HOT_OF_BLOCK)
}

/** In the form of a UUID: as random as one for a b-tree, and never the same for two numbers. */
function idOf(kind: IdKind, number: number): string {
  const first = mixed(ID_KINDS.indexOf(kind) * MAX_IDS + number)
  words[0] = first
  words[1] = mixed(first + 1)
  words[2] = mixed(first + 2)
  words[3] = mixed(first + 3)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Each 32-bit number to another one (the lowbias32 hash of Chris Wellons). */
function mixed(number: number): number {
  let hash = Math.imul(number ^ (number >>> 16), 0x21f0aaad)
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97)
  return (hash ^ (hash >>> 15)) >>> 0
}
