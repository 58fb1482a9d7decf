// Application keys in D1: who may ask for access tokens.
import { createHash, createHmac } from 'node:crypto'
import * as v from 'valibot'
import { type Database, primaryDatabase } from '../../src/storage/database.ts'
import { type LocalChoice, migrateLocalDatabases } from '../lib/local-databases.ts'
import type { LocalSettings } from './local-settings.ts'

export interface NewKey {
  clientId: string
  /** Absent: for the implicit grant only. */
  clientSecret: string | undefined
  storeId: string
  name: string
}

const text = v.string()
const listedKeys = v.array(
  v.object({ client_id: text, store_id: text, grants: text, made: text, name: text }),
)
const revokedKeys = v.array(v.object({ name: text, store_id: text }))

/** The key of a laptop. It never changes: its secret is derived from the key in `.dev.vars`. */
export function demoKey({ signingKey }: LocalSettings): NewKey {
  const clientId = 'demo-storefront'
  const secret = createHmac('sha256', signingKey.secret).update(clientId).digest('base64url')
  return { clientId, clientSecret: secret, storeId: 'demo', name: 'Made by npm start' }
}

/** Stores the key, or replaces the one with its id; of the secret only the digest. */
export async function storeKey(database: Database, key: NewKey): Promise<void> {
  const { clientId, clientSecret, storeId, name } = key
  const digest =
    clientSecret === undefined ? null : createHash('sha256').update(clientSecret).digest('hex')
  await database.query({
    sql: `insert into application_keys (client_id, store_id, name, secret_digest, created_at)
      values (?, ?, ?, ?, ?) on conflict (client_id) do update set
      store_id = excluded.store_id, name = excluded.name, secret_digest = excluded.secret_digest`,
    values: [clientId, storeId, name, digest, Date.now()],
  })
}

/** Makes what is missing in the databases of this machine: their tables, and the key. */
export async function prepareLocalDatabases(choice: LocalChoice, key: NewKey): Promise<void> {
  await migrateLocalDatabases(choice, ({ DB }) => storeKey(primaryDatabase(DB), key))
}

/** Every key, oldest first; of secrets only which grants they allow. */
export async function listKeys(database: Database): Promise<v.InferOutput<typeof listedKeys>> {
  const [rows] = await database.query({
    sql: `select client_id, store_id, date(created_at / 1000, 'unixepoch') as made, name,
      iif(secret_digest is null, 'implicit', 'implicit, client_credentials') as grants
      from application_keys order by created_at, client_id`,
    values: [],
  })
  return v.parse(listedKeys, rows)
}

/** Removes the key, so that the client gets no more tokens. Returns undefined if no key has this id. */
export async function revokeKey(
  database: Database,
  clientId: string,
): Promise<v.InferOutput<typeof revokedKeys>[number] | undefined> {
  const [rows] = await database.query({
    sql: 'delete from application_keys where client_id = ? returning name, store_id',
    values: [clientId],
  })
  return v.parse(revokedKeys, rows)[0]
}
