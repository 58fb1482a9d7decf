// Accounts, each with a token as its identity provider would issue it.
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
export const settings = { issuer, accountIssuer, audience, signingKey: { kid, alg, key, secret } }

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

/** Replaces the signature by 64 bytes that are well-formed and wrong. */
export function forged(token: string): string {
  const [header, claims] = token.split('.')
  return `${header}.${claims}.${Buffer.alloc(64, 7).toString('base64url')}`
}
