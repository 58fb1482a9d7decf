// Accounts with the tokens that their identity provider would give them, and carts nobody has yet.
import { randomUUID } from 'node:crypto'
import { importJWK } from 'jose'
import { inject } from 'vitest'
import { mintAccountToken } from '../../tools/tokens/mint.ts'

export interface Shopper {
  accountId: string
  accountToken: string
}

export const worker = inject('worker')

const { signingKey, issuer, accountIssuer, audience } = worker
const { kid, alg, d: secret } = signingKey
const key = await importJWK(signingKey, alg)
const settings = { issuer, accountIssuer, audience, signingKey: { kid, alg, key, secret } }

export async function newShopper(): Promise<Shopper> {
  const accountId = randomUUID()
  const accountToken = await mintAccountToken(settings, {
    accountId,
    storeId: worker.storeId,
    memberId: randomUUID(),
    expiresInSeconds: 600,
  })
  return { accountId, accountToken }
}

/** The same token with another signature: every byte of the right form, and not the issuer's. */
export function forged(token: string): string {
  const [header, claims] = token.split('.')
  return `${header}.${claims}.${Buffer.alloc(64, 7).toString('base64url')}`
}
