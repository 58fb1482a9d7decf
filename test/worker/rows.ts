// Stored rows, read and written directly in the database.
import { env } from 'cloudflare:workers'

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

/** Inserts associations of the store `demo` directly. */
export async function insertRows(
  rows: { cart_id: string; account_id: string; created_at?: number; used_at?: number }[],
): Promise<void> {
  await env.DB.prepare(
    `insert into associations
      select 'demo', value ->> 'cart_id', value ->> 'account_id',
        coalesce(value ->> 'created_at', 1),
        coalesce(value ->> 'used_at', value ->> 'created_at', 1), 'test', 'test' from json_each(?)`,
  )
    .bind(JSON.stringify(rows))
    .run()
}
