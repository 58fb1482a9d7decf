import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { localSettings } from '../../tools/tokens/local-settings.ts'
import { called, type Finished, newDirectory } from './finished.ts'

let directory: string
beforeEach(() => {
  directory = newDirectory()
})

const token = (...args: string[]): Promise<Finished> =>
  called('token', ...args, '--dev-vars', path.join(directory, '.dev.vars'))

async function verified(text: string) {
  const { issuer, audience } = await localSettings(path.join(directory, '.dev.vars'))
  const { AUTH_JWKS = '' } = parseEnv(readFileSync(path.join(directory, '.dev.vars'), 'utf8'))
  const keys = createLocalJWKSet(JSON.parse(AUTH_JWKS))
  return await jwtVerify(text.trim(), keys, { issuer, audience })
}

it('reads the settings beside the table of a provider', async () => {
  const config = path.join(directory, 'wrangler.toml')
  const vars = ['[vars]', 'AUTH_ISSUER = "https://auth.example"', 'AUTH_AUDIENCE = "api"']
  const table = ['[vars.ACCOUNT_TOKENS]', 'typ = "JWT"', 'require = { email_verified = true }']
  writeFileSync(config, [...vars, ...table].join('\n'))

  const settings = await localSettings(path.join(directory, '.dev.vars'), config)

  expect(settings).toMatchObject({ issuer: 'https://auth.example', audience: 'api' })
})

describe('npx cart-accounts token', () => {
  it('prints one access token and nothing else', async () => {
    const { code, out, error } = await token(
      ...['access', '--grant', 'implicit', '--store', 'shop', '--client', 'web', '--expires-in'],
      ...['15m'],
    )

    expect({ code, error }).toEqual({ code: 0, error: '' })
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    const { protectedHeader, payload } = await verified(out)
    expect(protectedHeader.typ).toBe('at+jwt')
    expect(payload).toMatchObject({ sub: 'web', store_id: 'shop', grant_type: 'implicit' })
    expect(Number(payload.exp) - Number(payload.iat)).toBe(15 * 60)
  })

  it('prints one account token and nothing else', async () => {
    const member = ['--member', 'ada@example.com']
    const { code, out } = await token(
      'account',
      '--account',
      'account-1',
      '--store',
      'shop',
      ...member,
    )

    expect(code).toBe(0)
    const { protectedHeader, payload } = await verified(out)
    expect(protectedHeader.typ).toBe('account+jwt')
    expect(payload).toMatchObject({ account_id: 'account-1', store_id: 'shop' })
    expect(payload.sub).toBe('ada@example.com')
  })

  it('makes the key pair that is missing, for its owner alone, and keeps it', async () => {
    await token('access')
    const devVars = path.join(directory, '.dev.vars')
    const made = readFileSync(devVars, 'utf8')

    await token('access')

    expect(statSync(devVars).mode & 0o777).toBe(0o600)
    expect(readFileSync(devVars, 'utf8')).toBe(made)
  })

  it.each([
    { args: [], error: 'Name the kind of token: access or account' },
    { args: ['refresh'], error: 'The kind of token must be access or account, not "refresh"' },
    {
      args: ['access', '--grant', 'password'],
      error: '--grant must be client_credentials or implicit, not "password"',
    },
    { args: ['access', '--stroe', 'demo'], error: "Unknown option '--stroe'" },
    {
      args: ['access', '--store', 'a/b'],
      error: '--store must be 1 to 255 characters of A-Z a-z 0-9 _ -, not "a/b"',
    },
    {
      args: ['access', '--expires-in', '31d'],
      error: '--expires-in must be a time like 90s, 15m, 1h or 30d (at most), not "31d"',
    },
    {
      args: ['account', '--account', 'a', '--member', 'a b'],
      error: '--member must be 1 to 255 printable ASCII characters without spaces, not "a b"',
    },
    { args: ['account'], error: '--account must name the account that the token speaks for' },
  ])('says in one line what is wrong, with exit code 2: $args', async ({ args, error }) => {
    expect(await called('token', ...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })

  it('shows examples with --help', async () => {
    const { code, out } = await called('token', '--help')

    expect(code).toBe(0)
    expect(out).toContain('npx cart-accounts token account --account')
  })
})
