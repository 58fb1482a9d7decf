// Application keys in D1, through wrangler: who may ask for access tokens.
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { CommandError } from '../lib/command-line.ts'
import { executeSql, quote } from '../lib/wrangler.ts'
import type { LocalSettings } from './local-settings.ts'

/** With a secret, or for the implicit grant only. */
export type KeyKind = 'confidential' | 'implicit-only'

export interface NewKey {
  clientId: string
  /** Absent: for the implicit grant only. */
  clientSecret: string | undefined
  storeId: string
  name: string
}

const listedKeys = v.array(
  v.object({
    client_id: v.string(),
    store_id: v.string(),
    name: v.string(),
    implicit_only: v.number(),
    created_at: v.number(),
  }),
)
const revokedKeys = v.array(v.object({ name: v.string(), store_id: v.string() }))

export type ListedKey = v.InferOutput<typeof listedKeys>[number]
export type RevokedKey = v.InferOutput<typeof revokedKeys>[number]

/** A key with random parts: the id of 122 bits, the secret of 256. */
export function newKey(storeId: string, name: string, kind: KeyKind): NewKey {
  const secret = randomBytes(32).toString('base64url')
  const clientSecret = kind === 'confidential' ? secret : undefined
  return { clientId: randomUUID(), clientSecret, storeId, name }
}

/** The key of a laptop: the same at every start, its secret derived from the key in `.dev.vars`. */
export function demoKey({ signingKey }: LocalSettings): NewKey {
  const clientId = 'demo-storefront'
  const secret = createHmac('sha256', signingKey.secret).update(clientId).digest('base64url')
  return { clientId, clientSecret: secret, storeId: 'demo', name: 'Made by npm start' }
}

/** Stores the key, or puts it in the place of the one with its id; of the secret only the digest. */
export async function storeKey(key: NewKey, target: string[]): Promise<void> {
  const { clientId, clientSecret, storeId, name } = key
  const digest =
    clientSecret === undefined
      ? 'null'
      : quote(createHash('sha256').update(clientSecret).digest('hex'))
  const values = [quote(clientId), quote(storeId), quote(name), digest, String(Date.now())]
  await executeSql(
    `insert into application_keys (client_id, store_id, name, secret_digest, created_at)
      values (${values.join(', ')}) on conflict (client_id) do update set
      store_id = excluded.store_id, name = excluded.name, secret_digest = excluded.secret_digest`,
    target,
  )
}

/** Every key, oldest first; of secrets only whether there is one. */
export async function listKeys(target: string[]): Promise<ListedKey[]> {
  const rows = await executeSql(
    `select client_id, store_id, name, secret_digest is null as implicit_only, created_at
      from application_keys order by created_at, client_id`,
    target,
  )
  return v.parse(listedKeys, rows)
}

/**
 * Removes the key: the client gets no more tokens.
 *
 * @throws CommandError where no key has this id
 */
export async function revokeKey(clientId: string, target: string[]): Promise<RevokedKey> {
  const rows = await executeSql(
    `delete from application_keys where client_id = ${quote(clientId)} returning name, store_id`,
    target,
  )
  const [revoked] = v.parse(revokedKeys, rows)
  if (revoked === undefined) throw new CommandError(`No key has the client id ${clientId}`)
  return revoked
}
