// Who and what a fault point is about, and what the database holds.

import { uniqueId } from './requests.ts'
import type { AssociationRow } from './rows.ts'

/** The cart of a fault point, the accounts that the request names, and two others. */
export interface Scene {
  cart: string
  /** The accounts that the request names: one, or several for a server. */
  mine: readonly [string, ...string[]]
  /** The account that has the cart before the request. */
  owner: string
  /** The account that tries to take the cart. */
  rival: string
}

/** The state of the cart before the request; `shared` is both `taken` and `present`. */
export type State = 'absent' | 'partly present' | 'present' | 'shared' | 'taken'

/**
 * Who inserted a row: an earlier request, the request itself, its repeat, or a second caller. `touched`:
 * an earlier request, and it has been used since.
 */
export type Source = 'before' | 'touched' | 'request' | 'again' | 'interference'

/** The accounts of the cart. */
export type Rows = Map<string, Source>

export interface Answer {
  status: number
  /** `undefined` if there is none. */
  body: unknown
}

export function newScene(accounts: number): Scene {
  const more = Array.from({ length: accounts - 1 }, () => uniqueId('account'))
  return {
    cart: uniqueId('cart'),
    mine: [uniqueId('account'), ...more],
    owner: uniqueId('owner'),
    rival: uniqueId('rival'),
  }
}

export function accountsBefore(state: State, { mine, owner }: Scene): string[] {
  if (state === 'partly present') return [mine[0]]
  if (state === 'present') return [...mine]
  if (state === 'shared') return [...mine, owner]
  if (state === 'taken') return [owner]
  return []
}

/** Adds the missing accounts as a server, and uses the others; returns whether any was missing. */
export function serverAssociates(rows: Rows, accounts: readonly string[], by: Source): boolean {
  const missing = accounts.filter((account) => !rows.has(account))
  for (const account of accounts) {
    if (rows.get(account) === 'before') rows.set(account, 'touched')
  }
  for (const account of missing) rows.set(account, by)
  return missing.length > 0
}

/** Claims the cart as a shopper, if no account has it, or uses it; returns whether it did claim. */
export function shopperAssociates(rows: Rows, account: string, by: Source): boolean {
  return (rows.size === 0 || rows.has(account)) && serverAssociates(rows, [account], by)
}

export function dissociates(rows: Rows, accounts: readonly string[]): boolean {
  for (const account of accounts) rows.delete(account)
  return false
}

/** Finds the source of each stored row by its `request_id`, and by whether it was used again. */
export function rowsBySource(
  stored: readonly AssociationRow[],
  requestIds: Record<Exclude<Source, 'before' | 'touched'>, string | null>,
): Record<string, string> {
  const sources = new Map(Object.entries(requestIds).map(([source, id]) => [id, source]))
  return Object.fromEntries(
    stored.map(({ account_id, request_id, created_at, used_at }) => {
      const before = used_at > created_at ? 'touched' : 'before'
      const source = request_id === 'test' ? before : sources.get(request_id)
      return [account_id, source ?? 'unknown']
    }),
  )
}

/** The document of one error, which says nothing of its cause. */
export function errorAnswer(status: number, title: string, detail?: string): Answer {
  const told = detail === undefined ? {} : { detail }
  return { status, body: { errors: [{ status, title, ...told }] } }
}
