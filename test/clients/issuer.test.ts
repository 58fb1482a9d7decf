// Tokens of a separate issuer, whose keys the Worker fetches over a real connection.
import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { worker } from './shoppers.ts'

interface IssuerKey {
  publicJwk: object
  sign: (kid?: string) => Promise<string>
}

async function newKey(): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const ownKid: string = randomUUID()
  const sign = (kid = ownKid) =>
    new SignJWT({ store_id: worker.storeId, grant_type: 'client_credentials' })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
      .setIssuer(worker.issuer)
      .setAudience(worker.audience)
      .setSubject('order-service')
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(privateKey)
  return { publicJwk: { ...(await exportJWK(publicKey)), kid: ownKid, alg: 'ES256' }, sign }
}

async function publish(...keys: IssuerKey[]): Promise<void> {
  const body = JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) })
  await fetch(worker.issuerUrl, { method: 'PUT', body })
}

const fetches = async (): Promise<number> =>
  Number(await (await fetch(new URL('/fetches', worker.issuerUrl))).text())

async function ask(token: string, signal: AbortSignal | null = null): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` }
  const path = `/v2/carts/${randomUUID()}/relationships/accounts`
  return (await fetch(new URL(path, worker.url), { headers, signal })).status
}

const many = async (token: () => Promise<string>): Promise<Set<number>> =>
  new Set(await Promise.all(Array.from({ length: 50 }, async () => ask(await token()))))

// One Worker serves all tests, so they run in the order in which the issuer changes its keys.
describe('the keys of a separate issuer', () => {
  let first: IssuerKey
  let second: IssuerKey
  beforeAll(async () => {
    first = await newKey()
    second = await newKey()
  })

  it('are fetched once for many requests, even if the first of them is broken off', async () => {
    await publish(first)
    const brokenOff = ask(await first.sign(), AbortSignal.timeout(100))

    const others = many(() => first.sign())

    await expect(brokenOff).rejects.toThrow('timeout')
    expect(await others).toEqual(new Set([200]))
    expect(await fetches()).toBe(1)
  })

  it('are rotated without a refused request, with one more fetch', async () => {
    await publish(first, second)

    expect(await many(() => second.sign())).toEqual(new Set([200]))
    expect(await many(() => first.sign())).toEqual(new Set([200]))
    expect(await fetches()).toBe(2)
  })

  it('are not fetched again for unknown keys', async () => {
    expect(await many(() => first.sign(randomUUID()))).toEqual(new Set([401]))
    expect(await fetches()).toBe(2)
  })
})
