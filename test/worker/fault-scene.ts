// Who and what a fault point is about, and what the database holds, as the contract has it.

import { uniqueId } from './requests.ts'
import type { AssociationRow } from './rows.ts'

/** One cart, and the accounts that others have beside those that the request names. */
export interface Scene {
  cart: string
  /** Named by the request: one, or several for a server. */
  mine: readonly [string, ...string[]]
  /** Has the cart before the request. */
  owner: string
  /** Would like to have it. */
  rival: string
}

/** The state of the scene's cart before the request; `shared` is `taken` and `present` at once. */
export type State = 'absent' | 'partly present' | 'present' | 'shared' | 'taken'

/** Who inserted a row: what was there before, the request, its repetition, or somebody between. */
export type Source = 'before' | 'request' | 'again' | 'interference'

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

/** A server adds the missing accounts; returns whether any was missing. */
export function serverAssociates(rows: Rows, accounts: readonly string[], by: Source): boolean {
  const missing = accounts.filter((account) => !rows.has(account))
  for (const account of missing) rows.set(account, by)
  return missing.length > 0
}

/** A shopper claims a cart that no account has; returns whether it did. */
export function shopperAssociates(rows: Rows, account: string, by: Source): boolean {
  return rows.size === 0 && serverAssociates(rows, [account], by)
}

export function dissociates(rows: Rows, accounts: readonly string[]): boolean {
  for (const account of accounts) rows.delete(account)
  return false
}

/** Rows as they are stored: by the id of the request that inserted it, each has its source. */
export function rowsBySource(
  stored: readonly AssociationRow[],
  requestIds: Record<Exclude<Source, 'before'>, string | null>,
): Record<string, string> {
  const sources = new Map(Object.entries(requestIds).map(([source, id]) => [id, source]))
  sources.set('test', 'before')
  return Object.fromEntries(
    stored.map(({ account_id, request_id }) => [account_id, sources.get(request_id) ?? 'unknown']),
  )
}

/** The document of one error, which says nothing of its cause. */
export function errorAnswer(status: number, title: string, detail?: string): Answer {
  const told = detail === undefined ? {} : { detail }
  return { status, body: { errors: [{ status, title, ...told }] } }
}
