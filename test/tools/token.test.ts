import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { parseEnv } from 'node:util'
import {
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  generateSecret,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose'
import { parse as parseToml, stringify } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { localSettings } from '../../tools/tokens/local-settings.ts'
import { called, type Finished, finished, newDirectory } from './finished.ts'

const devVars = path.join(newDirectory(), '.dev.vars')

const token = (...args: string[]): Promise<Finished> =>
  called('token', ...args, '--dev-vars', devVars)

async function verified(text: string) {
  const { issuer, audience } = await localSettings(devVars)
  const { AUTH_JWKS = '' } = parseEnv(readFileSync(devVars, 'utf8'))
  const keys = createLocalJWKSet(JSON.parse(AUTH_JWKS))
  return await jwtVerify(text.trim(), keys, { issuer, audience })
}

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
    const account = ['--account', 'account-1', '--store', 'shop', '--member', 'ada@example.com']
    const { code, out } = await token('account', ...account)

    expect(code).toBe(0)
    const { protectedHeader, payload } = await verified(out)
    expect(protectedHeader.typ).toBe('account+jwt')
    expect(payload).toMatchObject({ account_id: 'account-1', store_id: 'shop' })
    expect(payload.sub).toBe('ada@example.com')
  })

  it('reads the settings beside the table of a provider', async () => {
    const config = path.join(newDirectory(), 'wrangler.toml')
    const table = { typ: 'JWT', require: { email_verified: true } }
    const settings = { AUTH_ISSUER: 'https://auth.example', AUTH_AUDIENCE: 'api' }
    writeFileSync(config, stringify({ vars: { ...settings, ACCOUNT_TOKENS: table } }))

    const { issuer, audience } = await localSettings(devVars, config)

    expect({ issuer, audience }).toEqual({ issuer: 'https://auth.example', audience: 'api' })
  })
})

/** A token of an identity provider, and what the Worker says to it. */
interface Fixture {
  id: string
  key: { alg: string }
  jwks_omits?: string[]
  header?: { alg: string }
  claims?: JWTPayload
  raw?: string
  settings: { issuer: string; [member: string]: unknown }
  expect: string
}

const file = path.join(projectRoot, 'test', 'worker', 'identity-providers.json')
const { fixtures }: { fixtures: Fixture[] } = JSON.parse(readFileSync(file, 'utf8'))

function byId(id: string): Fixture {
  const found = fixtures.find((each) => each.id === id)
  if (found === undefined) throw new Error(`There is no fixture ${id}`)
  return found
}

/** Signs the token, and writes its settings as an operator would; what names its keys into .dev.vars. */
async function prepare(
  { key: { alg }, jwks_omits: omitted = [], header = { alg }, claims = {}, ...row }: Fixture,
  secretsFor: (keySet: string) => object = (keySet) => ({ ACCOUNT_JWKS: keySet }),
) {
  const now = Math.floor(Date.now() / 1000)
  const timed = Object.entries(claims).map(([name, value]) => [
    name,
    /^(iat|exp|nbf|auth_time)$/.test(name) && typeof value === 'number' ? now + value : value,
  ])
  const options = { extractable: true }
  const [signing, verifying] = alg.startsWith('HS')
    ? await generateSecret(alg, options).then((secret) => [secret, secret] as const)
    : await generateKeyPair(alg, options).then((pair) => [pair.privateKey, pair.publicKey] as const)
  const whole = { ...(await exportJWK(verifying)), kid: 'k', alg }
  const jwk = Object.fromEntries(Object.entries(whole).filter(([name]) => !omitted.includes(name)))
  const signed = new SignJWT(Object.fromEntries(timed)).setProtectedHeader(header)

  const directory = newDirectory()
  const config = path.join(directory, 'wrangler.toml')
  const { issuer: ACCOUNT_ISSUER, ...rules } = row.settings
  const own = {
    AUTH_ISSUER: 'https://auth.example',
    AUTH_AUDIENCE: 'https://api.cart-accounts.example',
  }
  const vars = { ...own, ACCOUNT_ISSUER, ...('typ' in rules && { ACCOUNT_TOKENS: rules }) }
  writeFileSync(config, stringify({ name: 'cart-accounts', vars }))
  const secrets = Object.entries(secretsFor(JSON.stringify({ keys: [jwk] })))
  const lines = secrets.map(([name, value]) => `${name}='${value}'\n`)
  writeFileSync(path.join(directory, '.dev.vars'), lines.join(''))
  return { token: row.raw ?? (await signed.sign(signing)), config }
}

type Prepared = Awaited<ReturnType<typeof prepare>>

const explain = ({ token, config }: Prepared, ...args: string[]): Promise<Finished> =>
  called('token', 'explain', token, '--config', config, ...args)

describe('npx cart-accounts token explain', () => {
  it.each(fixtures)('names the outcome that the Worker has: $id', async (each) => {
    const prepared = await prepare(each)

    const { code, out, error } = await explain(prepared, '--store', 'demo')

    const said = { code, first: (out + error).split('\n')[0] ?? '' }
    if (each.expect === 'accept') {
      expect(said).toEqual({ code: 0, first: 'Accepted' })
      expect(out).not.toMatch(/^[✗?]/m)
    } else if (each.expect === 'settings-error') {
      expect(said).toEqual({ code: 1, first: expect.stringMatching(/^ACCOUNT_(TOKENS|ISSUER) /) })
    } else {
      const [, reason] = each.expect.split(':')
      const first = expect.stringMatching(`^Refused: ${reason}(, claim|$)`)
      expect(said).toEqual({ code: 1, first })
      expect(out).toMatch(/^✗/m)
    }
    for (const part of prepared.token.split('.')) expect(out + error).not.toContain(part)
  })

  it.each([
    { title: 'Keycloak', id: 'keycloak-default' },
    { title: 'Auth0', id: 'auth0-rfc9068-profile' },
    { title: 'Amazon Cognito', id: 'cognito-access-require' },
  ])('accepts the tokens of $title by the settings to paste of docs/signing-in.md', async (row) => {
    const page = readFileSync(path.join(projectRoot, 'docs', 'signing-in.md'), 'utf8')
    const [, section = ''] = page.split(`### ${row.title}\n`)
    const [, toml = ''] = /```toml\n(.*?)```/s.exec(section) ?? []
    const { ACCOUNT_ISSUER, ACCOUNT_JWKS_URL, ACCOUNT_TOKENS, ...others } = Object(
      parseToml(toml)['vars'],
    )
    const { audience_claim = 'aud', audience } = ACCOUNT_TOKENS
    const given = byId(row.id)

    const prepared = await prepare({
      ...given,
      claims: { ...given.claims, iss: ACCOUNT_ISSUER, [audience_claim]: audience },
      settings: { issuer: ACCOUNT_ISSUER, ...ACCOUNT_TOKENS },
    })

    expect(others).toEqual({})
    expect(ACCOUNT_JWKS_URL).toMatch(/^https:\/\//)
    const { out, error } = await explain(prepared, '--store', 'demo')
    expect(out + error).toMatch(/^Accepted/)
    expect(out).not.toMatch(/^[✗?]/m)
  })

  it('says for each rule what was expected and found, and first what to change', async () => {
    const { out } = await explain(await prepare(byId('clerk-pending-session')))

    expect(out).toMatch(/^Refused: invalid_claim, claim sts\nHave the provider write that claim/)
    expect(out).toMatch(/^✓ {2}azp +"https:\/\/shop\.example" +"https:\/\/shop\.example"$/m)
    expect(out).toMatch(/^✗ {2}require sts +"active" +"pending"$/m)
    expect(out).toMatch(/^✓ {2}account +sub, 1 to 255 .*sub "user_/m)
  })

  it('fetches public keys, and shows the token to nobody', async () => {
    const asked: string[] = []
    let published = ''
    const server = createServer((request, response) => {
      asked.push(JSON.stringify([request.url, request.rawHeaders]))
      response.end(published)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const secrets = { ACCOUNT_JWKS_URL: `http://127.0.0.1:${Object(server.address()).port}/keys` }
    const good = await prepare(byId('keycloak-default'), (keySet) => {
      published = keySet
      return secrets
    })
    const forged = await prepare(byId('keycloak-default'), () => secrets)

    const [accepted, refused] = [await explain(good), await explain(forged)]
    server.close()
    const unreachable = await explain(good)

    expect(accepted.out).toMatch(/^✓ {2}signature/m)
    expect(refused.out).toMatch(/^Refused: wrong_signature$/m)
    expect(unreachable.out).toContain(
      'Not checked: signature, since no key set could be fetched from ACCOUNT_JWKS_URL.',
    )
    expect(asked).toHaveLength(2)
    for (const part of good.token.split('.')) expect(asked.join()).not.toContain(part)
  })

  it('says of the token of a machine that a server needs none', async () => {
    const auth0 = byId('auth0-rfc9068-profile')
    const claims = { ...auth0.claims, gty: 'client-credentials' }

    const { out } = await explain(await prepare({ ...auth0, claims }))

    expect(out).toMatch(/^Refused: invalid_claim, claim gty\nIt is the token of a machine/)
  })

  it('says what it could not check: a secret that is not at hand, the access token', async () => {
    const prepared = await prepare(byId('auth0-rfc9068-profile'), () => ({}))

    const { code, out } = await explain(prepared)

    expect(code).toBe(0)
    expect(out).toMatch(/^Accepted, as far as it was checked$/m)
    expect(out).toContain('Not checked: signature, since no key is at hand: ACCOUNT_JWKS may be')
    expect(out).toContain('Not checked: access token, since --store does not name its store.')
  })

  it('reads the token from standard input', async () => {
    const { token, config } = await prepare(byId('logto-resource'))
    const args = ['token', 'explain', '-', '--config', config]

    const { code, out } = finished('cli.mjs', args, projectRoot, { input: `${token}\n` })

    expect(code, out).toBe(0)
    expect(out).toContain('"ES384"')
  })
})
