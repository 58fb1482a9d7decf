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
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import { parse as parseToml, stringify } from 'smol-toml'
import * as v from 'valibot'
import { beforeEach, describe, expect, it } from 'vitest'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { localSettings } from '../../tools/tokens/local-settings.ts'
import { called, type Finished, finished, newDirectory } from './finished.ts'

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
})

// npx cart-accounts token explain, on the tokens of identity providers whose outcome is known.
const object = v.record(v.string(), v.unknown())
const fixture = v.object({
  id: v.string(),
  key: v.object({ alg: v.string() }),
  jwks_omits: v.optional(v.array(v.string()), []),
  header: v.optional(v.looseObject({ alg: v.string() }), { alg: 'RS256' }),
  claims: v.optional(object, {}),
  raw: v.optional(v.string()),
  settings: v.looseObject({ issuer: v.string() }),
  expect: v.string(),
})
const pasted = v.object({
  vars: v.object({
    ACCOUNT_ISSUER: v.string(),
    ACCOUNT_JWKS_URL: v.string(),
    ACCOUNT_TOKENS: v.looseObject({
      audience: v.string(),
      audience_claim: v.optional(v.string(), 'aud'),
    }),
  }),
})
type Fixture = v.InferOutput<typeof fixture>

const file = path.join(projectRoot, 'test', 'worker', 'identity-providers.json')
const { fixtures } = v.parse(
  v.object({ fixtures: v.array(fixture) }),
  JSON.parse(readFileSync(file, 'utf8')),
)
const byId = (id: string) => fixtures.find((each) => each.id === id) ?? fixtures.slice(0, 1)[0]

interface Prepared {
  token: string
  jwk: JWK
  config: string
}

/** Signs the token of a fixture, and writes its settings as an operator would. */
async function prepare(
  { key: { alg }, jwks_omits: omitted, header, claims, raw, settings }: Fixture,
  keys: (jwk: JWK) => { vars?: object; devVars?: string } = (jwk) => ({
    devVars: `ACCOUNT_JWKS='${JSON.stringify({ keys: [jwk] })}'\n`,
  }),
): Promise<Prepared> {
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
  const token =
    raw ?? (await new SignJWT(Object.fromEntries(timed)).setProtectedHeader(header).sign(signing))

  const directory = temporaryDirectory('explain')
  const config = path.join(directory, 'wrangler.toml')
  const { issuer: ACCOUNT_ISSUER, ...ACCOUNT_TOKENS } = settings
  const { vars = {}, devVars = '' } = keys(jwk)
  writeFileSync(path.join(directory, '.dev.vars'), devVars)
  writeFileSync(
    config,
    stringify({
      name: 'cart-accounts',
      vars: {
        ...{
          AUTH_ISSUER: 'https://auth.example',
          AUTH_AUDIENCE: 'https://api.cart-accounts.example',
        },
        ACCOUNT_ISSUER,
        ...('typ' in ACCOUNT_TOKENS && { ACCOUNT_TOKENS }),
        ...vars,
      },
    }),
  )
  return { token, jwk, config }
}

const explain = ({ token, config }: Prepared, ...args: string[]): Promise<Finished> =>
  called('token', 'explain', token, '--config', config, '--store', 'demo', ...args)

describe('npx cart-accounts token explain', () => {
  it.each(fixtures)('names the outcome that the Worker has: $id', async (each) => {
    const prepared = await prepare(each)

    const { code, out, error } = await explain(prepared)

    const said = { code, first: (out + error).split('\n')[0] ?? '' }
    if (each.expect === 'accept') {
      expect(said).toEqual({ code: 0, first: 'Accepted' })
      expect(out).not.toMatch(/^[✗?]/m)
    } else if (each.expect === 'settings-error') {
      expect(said).toEqual({ code: 1, first: expect.stringMatching(/^ACCOUNT_(TOKENS|ISSUER) /) })
    } else {
      const [, reason] = each.expect.split(':')
      expect(said).toEqual({
        code: 1,
        first: expect.stringMatching(`^Refused: ${reason}(, claim|$)`),
      })
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
    const { vars } = v.parse(pasted, parseToml(toml))
    const { ACCOUNT_ISSUER: iss, ACCOUNT_TOKENS: rules } = vars
    const given = v.parse(fixture, byId(row.id))
    const claims = { ...given.claims, iss, [rules.audience_claim]: rules.audience }

    const prepared = await prepare({ ...given, claims }, (jwk) => ({
      vars: { ...vars, ACCOUNT_JWKS: JSON.stringify({ keys: [jwk] }), ACCOUNT_JWKS_URL: undefined },
    }))

    expect(vars.ACCOUNT_JWKS_URL.startsWith('https://')).toBe(true)
    const { out, error } = await explain(prepared)
    expect(out + error).toMatch(/^Accepted/)
    expect(out).not.toMatch(/^[✗?]/m)
  })

  it('says for each rule what was expected and found, and first what to change', async () => {
    const { out } = await explain(await prepare(v.parse(fixture, byId('clerk-pending-session'))))

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
    const { port } = Object(server.address())
    const vars = { ACCOUNT_JWKS_URL: `http://127.0.0.1:${port}/keys` }
    const keycloak = v.parse(fixture, byId('keycloak-default'))
    const good = await prepare(keycloak, (jwk) => {
      published = JSON.stringify({ keys: [jwk] })
      return { vars }
    })
    const forged = await prepare(keycloak, () => ({ vars }))

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
    const auth0 = v.parse(fixture, byId('auth0-rfc9068-profile'))
    const claims = { ...auth0.claims, gty: 'client-credentials' }

    const { out } = await explain(await prepare({ ...auth0, claims }))

    expect(out).toMatch(/^Refused: invalid_claim, claim gty\nIt is the token of a machine/)
  })

  it('says what it could not check: a secret that is not at hand, the access token', async () => {
    const prepared = await prepare(v.parse(fixture, byId('auth0-rfc9068-profile')), () => ({}))

    const { code, out } = await called(
      ...['token', 'explain', prepared.token, '--config', prepared.config],
    )

    expect(code).toBe(0)
    expect(out).toMatch(/^Accepted, as far as it was checked$/m)
    expect(out).toContain('Not checked: signature, since no key is at hand: ACCOUNT_JWKS may be')
    expect(out).toContain('Not checked: access token, since --store does not name its store.')
  })

  it('reads the token from standard input', async () => {
    const { token, config } = await prepare(v.parse(fixture, byId('logto-resource')))
    const args = ['token', 'explain', '-', '--config', config]

    const { code, out } = finished('cli.mjs', args, projectRoot, { input: `${token}\n` })

    expect(code, out).toBe(0)
    expect(out).toContain('"ES384"')
  })
})
