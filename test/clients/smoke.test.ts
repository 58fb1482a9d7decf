// npm run smoke against a running Worker, and what it leaves behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { newShopper, worker } from './shoppers.ts'

const SMOKE = path.join(projectRoot, 'tools', 'cli.mjs')

interface Smoked {
  code: number
  out: string
  error: string
}

/** Runs smoke with the tokens in its environment. */
async function smoke(env: Record<string, string>, ...args: string[]): Promise<Smoked> {
  const child = spawn(process.execPath, ['--', SMOKE, 'smoke', worker.url, ...args], {
    env: { ...process.env, ...env },
  })
  const printed = { out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    printed.error += text
  })
  const [code] = await once(child, 'exit')
  return { code, ...printed }
}

const client = { SMOKE_CLIENT_ID: worker.clientId, SMOKE_CLIENT_SECRET: worker.clientSecret }

/** Counts the carts of the account, as a server sees them. */
async function cartsOf(accountId: string): Promise<number> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: worker.clientId,
    client_secret: worker.clientSecret,
  })
  const answer = await fetch(new URL('/oauth/access_token', worker.url), { method: 'POST', body })
  const { access_token: token } = Object(await answer.json())
  const url = new URL(`/v2/carts?filter=contains(account_ids,"${accountId}")`, worker.url)
  const list = await fetch(url, { headers: { Authorization: `Bearer ${token}` } })
  return Object(await list.json()).data.length
}

describe('npm run smoke', () => {
  it('finds every case as the contract promises, and leaves no association behind', async () => {
    const { accountId, accountToken } = await newShopper()

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
    expect(await cartsOf(accountId)).toBe(0)
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
