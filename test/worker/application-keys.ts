// Application keys as `npx cart-accounts keys` stores them, and a Worker that issues tokens.
import { env } from 'cloudflare:workers'
import { keepSecret } from './logs.ts'
import { uniqueId } from './requests.ts'
import { signingKey } from './tokens.ts'

export const issuing = { AUTH_SIGNING_JWK: JSON.stringify(signingKey('ES256')) }

export interface TestKey {
  clientId: string
  secret: string
  storeId: string
}

/** Stores a key with a secret, or without one: for the implicit grant only. */
export async function storedKey(
  kind: 'confidential' | 'implicit-only',
  named: Partial<TestKey> = {},
): Promise<TestKey> {
  const key = {
    clientId: uniqueId('client'),
    secret: uniqueId('secret'),
    storeId: uniqueId('store'),
    ...named,
  }
  keepSecret(key.secret)
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key.secret))
  const stored = kind === 'confidential' ? new Uint8Array(digest).toHex() : null
  await env.DB.prepare(
    `insert into application_keys (client_id, store_id, name, secret_digest, created_at)
      values (?, ?, ?, ?, ?)`,
  )
    .bind(key.clientId, key.storeId, 'Test', stored, Date.now())
    .run()
  return key
}
