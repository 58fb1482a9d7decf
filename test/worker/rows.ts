// Stored rows, read and written directly in the database.
import { env } from 'cloudflare:workers'
import { homeOf } from '../../src/storage/shards.ts'
import { uniqueId } from './requests.ts'

export interface AssociationRow {
  store_id: string
  cart_id: string
  account_id: string
  created_at: number
  used_at: number
  created_by: string
  request_id: string
}

async function rowsWith(column: 'cart_id' | 'account_id', id: string): Promise<AssociationRow[]> {
  const { results } = await env.DB.prepare(
    `select * from associations where ${column} = ? order by store_id, cart_id, account_id`,
  )
    .bind(id)
    .all<AssociationRow>()
  return results
}

export async function rowsOf(cartId: string): Promise<AssociationRow[]> {
  return await rowsWith('cart_id', cartId)
}

export async function accountIdsOf(cartId: string): Promise<string[]> {
  return (await rowsOf(cartId)).map((row) => row.account_id)
}

export async function cartIdsOf(accountId: string): Promise<string[]> {
  return (await rowsWith('account_id', accountId)).map((row) => row.cart_id)
}

/** Makes a store that no other test has, whose rows belong in this database, of two. */
export function storeIn(name: 'DB' | 'DB_1', prefix = 'store'): string {
  const store = uniqueId(prefix)
  const home = homeOf([{ name: 'DB' }, { name: 'DB_1' }], store)
  return home.name === name ? store : storeIn(name, prefix)
}

/** Inserts associations directly, of the store `demo` if a row names no other. */
export async function insertRows(
  rows: (Pick<AssociationRow, 'cart_id' | 'account_id'> & Partial<AssociationRow>)[],
  db = env.DB,
): Promise<void> {
  await db
    .prepare(
      `insert into associations
        select coalesce(value ->> 'store_id', 'demo'), value ->> 'cart_id', value ->> 'account_id',
          coalesce(value ->> 'created_at', 1),
          coalesce(value ->> 'used_at', value ->> 'created_at', 1), 'test', 'test'
        from json_each(?)`,
    )
    .bind(JSON.stringify(rows))
    .run()
}
