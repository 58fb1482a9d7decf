import { exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { honoPeer, openDatabase } from '../../bench/peers/hono-sqlite.ts'
import { loadAuthority } from '../../bench/peers/rules.ts'
import { asServer, asShopper } from '../proofs/carts-client.ts'

const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
const names = { kid: 'peer', alg: 'ES256' }
const [issuer, audience] = ['https://issuer.example', 'https://audience.example']
const authority = await loadAuthority({
  AUTH_ISSUER: issuer,
  AUTH_AUDIENCE: audience,
  AUTH_JWKS: JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), ...names }] }),
  AUTH_SIGNING_JWK: JSON.stringify({ ...(await exportJWK(privateKey)), ...names }),
})
const signingKey = { ...names, key: privateKey, secret: '' }
const settings = { issuer, accountIssuer: issuer, audience, signingKey }
const app = honoPeer(authority, openDatabase(':memory:'))

describe('the peer of Hono and SQLite', () => {
  it('lets no other account claim a cart, and a server share it', async () => {
    const [alice, bob] = [await asShopper(settings, 'alice'), await asShopper(settings, 'bob')]

    expect(await associate('shared', 'alice', alice.headers)).toBe(200)
    expect(await associate('shared', 'bob', bob.headers)).toBe(403)
    expect(await associate('shared', 'bob', (await asServer(settings)).headers)).toBe(200)
    expect(await associate('shared', 'bob', bob.headers)).toBe(204)
  })

  it('lists the carts of the account alone, page by page', async () => {
    const [carol, dave] = [await asShopper(settings, 'carol'), await asShopper(settings, 'dave')]
    for (const cart of ['c', 'b', 'a']) await associate(cart, 'carol', carol.headers)
    await associate('d', 'dave', dave.headers)

    const path = '/v2/carts?page[limit]=2&page[offset]=0'
    const response = await app.request(path, { headers: carol.headers })

    expect(await response.json()).toMatchObject({
      data: [{ type: 'cart' }, { type: 'cart' }],
      meta: { results: { total: 3 }, page: { current: 1, total: 2 } },
      links: { next: expect.stringContaining('offset%5D=2'), prev: null },
    })
  })

  it('answers 400 to a body that is no JSON, and 401 to a token of another key', async () => {
    const { headers } = await asShopper(settings, 'erin')
    const another = await generateKeyPair('ES256')
    const forger = { ...settings, signingKey: { ...signingKey, key: another.privateKey } }

    expect(await send('cart', '{', headers)).toBe(400)
    expect(await associate('cart', 'erin', (await asShopper(forger, 'erin')).headers)).toBe(401)
  })
})

function associate(cart: string, id: string, headers: Record<string, string>): Promise<number> {
  return send(cart, JSON.stringify({ data: [{ type: 'account', id }] }), headers)
}

async function send(cart: string, body: string, headers: Record<string, string>): Promise<number> {
  const path = `/v2/carts/${cart}/relationships/accounts`
  const init = { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body }
  return (await app.request(path, init)).status
}
