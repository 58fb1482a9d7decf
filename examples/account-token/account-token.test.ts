import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { startThrowawayWorker, type ThrowawayWorker } from '../../tools/lib/throwaway-worker.ts'
import { joinKeySets } from '../../tools/tokens/keys.ts'
import { newKeyPair } from '../../tools/tokens/local-settings.ts'
import { mintAccessToken } from '../../tools/tokens/mint.ts'

let worker: ThrowawayWorker
// The shop's key pair: one half signs, and the Worker has the other, by ACCOUNT_JWKS.
beforeAll(async () => {
  const file = path.join(temporaryDirectory('account-token'), 'account.json')
  const { privateJwk } = await newKeyPair()
  writeFileSync(file, JSON.stringify(privateJwk))
  vi.stubEnv('ACCOUNT_SIGNING_JWK', readFileSync(file, 'utf8'))
  const settings = {
    ACCOUNT_ISSUER: 'https://shop.example',
    ACCOUNT_JWKS: JSON.stringify(await joinKeySets([file])),
  }
  worker = await startThrowawayWorker(
    'account-token',
    () => undefined,
    ...Object.entries(settings).flatMap(([name, value]) => ['--var', `${name}:${value}`]),
  )
}, 60_000)
afterAll(stopAll)

async function listCarts(accountToken: string): Promise<number> {
  const accessToken = await mintAccessToken(worker.settings, {
    grantType: 'implicit',
    storeId: 'demo',
    clientId: 'storefront',
    expiresInSeconds: 600,
  })
  const headers = {
    Authorization: `Bearer ${accessToken}`,
    'EP-Account-Management-Authentication-Token': accountToken,
  }
  return (await fetch(new URL('/v2/carts', worker.url), { headers })).status
}

describe('an account token that the shop signs itself', () => {
  it('is accepted, and nobody can change the account in it', async () => {
    const { accountTokenFor } = await import('./account-token.ts')
    const token = await accountTokenFor({ memberId: 'ada@shop.example', accountId: 'account-1' })
    const other = await accountTokenFor({ memberId: 'ada@shop.example', accountId: 'account-2' })
    const [header, , signature] = token.split('.')

    expect(await listCarts(token)).toBe(200)
    expect(await listCarts([header, other.split('.')[1], signature].join('.'))).toBe(403)
  })

  it('stands in docs/signing-in.md as it is here', () => {
    const page = readFileSync(path.join(projectRoot, 'docs', 'signing-in.md'), 'utf8')
    const example = readFileSync(path.join(import.meta.dirname, 'account-token.ts'), 'utf8')

    expect(page).toContain(example.slice(example.indexOf('const jwk')))
  })
})
