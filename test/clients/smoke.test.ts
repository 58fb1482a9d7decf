// npm run smoke against a running Worker, and what it leaves behind.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { called, type Finished } from '../tools/finished.ts'
import { headersOf, newShopper, worker } from './worker.ts'

/** Runs smoke with the tokens in its environment. */
async function smoke(env: Record<string, string>): Promise<Finished> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  return await called('smoke', worker.url)
}
afterEach(() => {
  vi.unstubAllEnvs()
})

const client = { SMOKE_CLIENT_ID: worker.clientId, SMOKE_CLIENT_SECRET: worker.clientSecret }

describe('npm run smoke', () => {
  it('finds every case as the contract promises, and leaves no association behind', async () => {
    const shopper = await newShopper()
    const { accountToken } = shopper

    const { code, out, error } = await smoke({ ...client, SMOKE_ACCOUNT_TOKEN: accountToken })

    expect({ code, error }, out).toEqual({ code: 0, error: '' })
    expect(out).toMatch(/^CASE +EXPECTED +GOT +MS +OK$/m)
    expect(out).toMatch(/^A new association +200 +200 +\d+ +yes$/m)
    expect(out).toMatch(/^The same again +204 +204 +\d+ +yes$/m)
    expect(out).toMatch(/^A shopper cannot take it over +403 +403 +\d+ +yes$/m)
    const [, good, asked] = /^(\d+) of (\d+) answers are as the contract says$/m.exec(out) ?? []
    expect(good).toBe(asked)
    expect(Number(asked)).toBeGreaterThan(25)
    expect(out).not.toContain('skipped')
    expect(out).not.toContain(accountToken)
    expect(out).not.toContain(worker.clientSecret)
    const left = await fetch(new URL('/v2/carts', worker.url), {
      headers: await headersOf(shopper),
    })
    expect(await left.json()).toMatchObject({ data: [] })
  })

  it('names the cases that it skips, and why', async () => {
    const { code, out } = await smoke({})

    expect(code, out).toBe(0)
    expect(out).toMatch(/^A new association +200 +- +- +skipped$/m)
    expect(out).toContain('Skipped, for want of an access token and an account token: ')
    expect(out).toContain('Skipped, for want of a server token: 4 cases\n')
  })

  it('reports a client that gets no token', async () => {
    const { code, error } = await smoke({ ...client, SMOKE_CLIENT_SECRET: 'wrong' })

    expect({ code, error }).toEqual({
      code: 1,
      error: `${worker.url}/oauth/access_token gives no client_credentials token to this client: status 401\n`,
    })
  })
})
