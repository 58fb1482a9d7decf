import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { issuing } from './application-keys.ts'
import { expectErrors, notPermitted } from './expected.ts'
import { expired, forgeries } from './forgeries.ts'
import { logged, loggedReasons, takeLog } from './logs.ts'
import {
  accounts,
  accountsOf,
  associate,
  atOnce,
  type Changes,
  type Counted,
  cartOf,
  invitationsOf,
  sendCounted,
  sendJsonWith,
  sendWith,
  uniqueId,
} from './requests.ts'
import { accountIdsOf, insertRows } from './rows.ts'
import { liftLimits } from './stubs.ts'
import {
  ACCOUNT_TOKEN,
  accessParts,
  accountParts,
  invitationParts,
  now,
  server,
  shopper,
  sign,
  signingKey,
} from './tokens.ts'

const DAY = 86_400
const invited = { ...issuing, CLAIMS: 'invited' }

let cart: string
let account: string
let other: string
beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
  other = uniqueId('account')
})

async function invite(
  caller: Record<string, string>,
  members?: object,
  changes: Changes = issuing,
): Promise<Counted> {
  const body = members && { data: { type: 'cart_invitation', ...members } }
  return await sendCounted('POST', invitationsOf(cart), caller, { body, changes })
}

/** Returns the token of a new invitation, and forgets what was logged until now. */
async function invitation(claim: string, caller?: Record<string, string>): Promise<string> {
  const { response } = await invite(caller ?? (await server()), { claim })
  takeLog()
  return Object(await response.json()).data.token
}

/** Asks for the cart as a shopper of this account, with an invitation or without one. */
async function ask(accountId: string, token?: string, changes: object = issuing): Promise<number> {
  const brought = token === undefined ? {} : { 'X-Cart-Invitation': token }
  const headers = { ...(await shopper(accountId)), ...brought }
  const body = accounts(accountId)
  const response = await sendJsonWith(changes, 'POST', accountsOf(cart), headers, body)
  if (response.status === 403) await expectErrors(response, 403, notPermitted)
  return response.status
}

const invitationLogged = (): unknown[] => logged.map(({ line }) => Object(line).invitation)

describe('POST /v2/carts/:cartID/invitations', () => {
  it('answers 201 with a token that names the cart and nobody, logs who made it and stores nothing', async () => {
    const before = now()

    const made = await invite(await server(), { claim: 'shared', expires_in: 3600 })

    const request_id = made.response.headers.get('X-Request-Id')
    expect([made.status, made.trips]).toEqual([201, 0])
    expect(made.response.headers.get('Cache-Control')).toBe('no-store')
    expect(logged).toMatchObject([
      { line: { request_id, status: 201, jti: request_id, invited_by: 'storefront' } },
    ])
    const { data } = Object(await made.response.json())
    const { iat = 0, exp = 0, ...claims } = decodeJwt(data.token)
    expect(data).toEqual({
      type: 'cart_invitation',
      claim: 'shared',
      token: expect.any(String),
      expires_at: new Date(exp * 1000).toISOString(),
    })
    expect(decodeProtectedHeader(data.token)).toEqual({
      alg: 'ES256',
      kid: 'test-ES256',
      typ: 'cart-invitation+jwt',
    })
    expect(claims).toEqual({
      iss: env.AUTH_ISSUER,
      aud: 'urn:cart-accounts:invitation',
      cart_id: cart,
      store_id: 'demo',
      claim: 'shared',
      jti: request_id,
    })
    expect(iat).toBeGreaterThanOrEqual(before)
    expect(exp - iat).toBe(3600)
  })

  it.each([
    { caller: 'a server', by: () => server(), claim: 'unclaimed' },
    { caller: 'a shopper', by: () => shopper(account), claim: 'shared' },
  ])('is good for a day, and $claim, if $caller says nothing', async ({ by, claim }) => {
    await associate(cart, await shopper(account), account)

    const { response } = await invite(await by())

    const { data } = Object(await response.json())
    const { iat = 0, exp = 0 } = decodeJwt(data.token)
    expect([data.claim, exp - iat]).toEqual([claim, DAY])
  })

  it('answers 404 to a shopper whose account has not the cart, asked at the primary', async () => {
    await associate(cart, await server(), other)
    const changes = { ...issuing, READ_CONSISTENCY: 'nearest' }

    const { response, sessions } = await invite(await shopper(account), undefined, changes)

    await expectErrors(response, 404, { title: 'Not Found', detail: 'Cart not found' })
    expect(sessions).toEqual(['first-primary'])
  })

  it.each([
    ...[[], {}, { data: 'shared' }].map((body) => ({
      body,
      source: 'data',
      detail: 'data must be an object',
    })),
    ...[{}, { type: 'cart' }].map((data) => ({
      body: { data },
      source: 'data.type',
      detail: 'type must be cart_invitation',
    })),
    ...['public', 7].map((claim) => ({
      body: { data: { type: 'cart_invitation', claim } },
      source: 'data.claim',
      detail: 'claim must be shared or unclaimed',
    })),
    ...[59, 604_801, 60.5, '3600', null].map((expires_in) => ({
      body: { data: { type: 'cart_invitation', expires_in } },
      source: 'data.expires_in',
      detail: 'expires_in must be a whole number from 60 to 604800',
    })),
  ])('answers 400 to $body', async ({ body, source, detail }) => {
    const caller = await server()

    const response = await sendJsonWith(issuing, 'POST', invitationsOf(cart), caller, body)

    await expectErrors(response, 400, { title: 'Invalid json payload', detail, source })
  })

  it('answers 404 to any method without the key that signs', async () => {
    for (const method of ['POST', 'GET']) {
      const response = await sendWith({}, method, invitationsOf(cart), await server())

      await expectErrors(response, 404, { title: 'Not Found' })
    }
  })

  it('answers 403 to a shopper who would let others claim', async () => {
    await associate(cart, await shopper(account), account)
    takeLog()

    const { response } = await invite(await shopper(account), { claim: 'unclaimed' })

    await expectErrors(response, 403, notPermitted)
    expect(loggedReasons()).toEqual(['Refused: server_only'])
  })
})

describe('an invitation that is shared', () => {
  it('lets a shopper join the accounts of the cart, and answers 204 to a repeat', async () => {
    await associate(cart, await shopper(other), other)
    const token = await invitation('shared', await shopper(other))

    expect([await ask(account), await ask(account, token)]).toEqual([403, 200])
    expect(await ask(account, token)).toBe(204)

    expect(await accountIdsOf(cart)).toEqual([account, other].toSorted())
    const jtis = logged.map(({ line }) => Object(line).jti)
    expect(jtis).toEqual([undefined, decodeJwt(token).jti, decodeJwt(token).jti])
  })

  it('claims nothing: a cart without accounts stays so if claims need an invitation', async () => {
    const token = await invitation('shared')

    expect(await ask(account, token, invited)).toBe(403)

    expect(invitationLogged()).toEqual(['wrong_claim'])
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('does not outlive the accounts of the cart: they have expired', async () => {
    await insertRows([{ cart_id: cart, account_id: other, used_at: Date.now() - 2 * DAY * 1000 }])
    const token = await invitation('shared')

    expect(await ask(account, token, { ...invited, ASSOCIATION_TTL_DAYS: 1 })).toBe(403)
  })

  it('is bound by the number of carts that an account may have', async () => {
    await associate(cart, await shopper(other), other)
    await associate(uniqueId('cart'), await shopper(account), account)
    const token = await invitation('shared')

    expect(await ask(account, token, { ...issuing, CARTS_PER_ACCOUNT: 1 })).toBe(409)
  })
})

describe('an invitation that is unclaimed', () => {
  it('claims a cart that no account has, and lets nobody join who finds it later', async () => {
    const token = await invitation('unclaimed')

    expect(await ask(account, undefined, invited)).toBe(403)
    expect(await ask(account, token, invited)).toBe(200)
    takeLog()
    expect(await ask(other, token, invited)).toBe(403)

    expect(logged.map(({ line }) => line)).toMatchObject([
      { reason: 'Refused: cart_of_others', invitation: 'wrong_claim', jti: decodeJwt(token).jti },
    ])
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('lets one of 20 accounts at once claim the cart', async () => {
    const token = await invitation('unclaimed')

    const statuses = await atOnce(20, () => ask(uniqueId('account'), token, invited))

    expect(statuses.toSorted()).toEqual([200, ...Array(19).fill(403)])
  })
})

describe('CLAIMS = "invited"', () => {
  it('refuses a claim without an invitation, in the words of a cart of others', async () => {
    expect(await ask(account, undefined, invited)).toBe(403)
    expect(loggedReasons()).toEqual(['Refused: cart_of_others'])
  })

  it('makes a cart whose id is made here, and no cart of an id in the body', async () => {
    const create = async (body?: object): Promise<number> => {
      const caller = await shopper(account)
      return (await sendJsonWith(invited, 'POST', '/v2/carts', caller, body)).status
    }
    expect([await create(), await create({ data: { id: cart } })]).toEqual([201, 403])

    await associate(cart, await server(), account)

    expect(await create({ data: { id: cart } })).toBe(200)
  })

  it('leaves repeats alone, and other Workers, whose invitations it takes', async () => {
    const api = new CartAccounts(createExecutionContext(), { ...env, ...invited })
    const call = { storeId: 'demo', cartId: cart }
    const { token, expiresAt } = await api.invite({ ...call, expiresIn: 60 })

    expect(decodeJwt(token)).toMatchObject({ claim: 'unclaimed', exp: expiresAt.getTime() / 1000 })
    expect(await ask(account, token, invited)).toBe(200)
    expect(await ask(account, undefined, invited)).toBe(204)
    expect(await api.associate({ ...call, accountId: other })).toBe('created')
  })
})

describe('an invitation counts as none', () => {
  beforeEach(async () => {
    liftLimits()
    await associate(cart, await shopper(other), other)
    takeLog()
  })

  // An invitation has no `sub`.
  it.each([...forgeries, expired].filter(({ title }) => !/\bsub\b/.test(title)))(
    'with $title: $reason',
    async ({ forge, reason }) => {
      const token = await forge(invitationParts({ cart_id: cart }))

      expect(await ask(account, token)).toBe(403)

      expect(invitationLogged()).toEqual([reason])
    },
  )

  it.each([
    { of: 'another cart', reason: 'wrong_cart', claims: { cart_id: 'another' } },
    { of: 'no cart', reason: 'wrong_cart', claims: { cart_id: undefined } },
    { of: 'another store', reason: 'wrong_store', claims: { store_id: 'another' } },
    { of: 'no store', reason: 'wrong_store', claims: { store_id: undefined } },
    { of: 'another claim', reason: 'invalid_claim', claims: { claim: 'all' } },
    { of: 'no name', reason: 'invalid_claim', claims: { jti: undefined } },
    { of: 'the audience of tokens', reason: 'wrong_audience', claims: { aud: env.AUTH_AUDIENCE } },
  ])('if it is of $of: $reason', async ({ claims, reason }) => {
    expect(await ask(account, await sign(invitationParts({ cart_id: cart, ...claims })))).toBe(403)
    expect(invitationLogged()).toEqual([reason])
  })

  it('if it is signed well and good, but with a key that is fetched', async () => {
    vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response(env.AUTH_JWKS))
    const changes = {
      AUTH_JWKS: undefined,
      AUTH_JWKS_URL: 'https://issuer.example/keys',
      AUTH_SIGNING_JWK: JSON.stringify({ ...signingKey('ES256'), kid: 'own' }),
    }
    const token = await sign(invitationParts({ cart_id: cart }))

    expect(await ask(account, token, changes)).toBe(403)
    expect(invitationLogged().at(-1)).toBe('unknown_key')
  })

  it('if it is empty, which is no refusal', async () => {
    expect(await ask(account, '')).toBe(403)
    expect(invitationLogged()).toEqual([undefined])
  })

  it('beside a server, and on every other route', async () => {
    const headers = { ...(await shopper(account)), 'X-Cart-Invitation': await invitation('shared') }
    const byServer = { ...(await server()), 'X-Cart-Invitation': 'forged' }
    const body = accounts(account)

    const answers = [
      await sendWith(issuing, 'GET', cartOf(cart), headers),
      await sendJsonWith(issuing, 'POST', '/v2/carts', headers, { id: cart }),
      await sendJsonWith(issuing, 'POST', accountsOf(cart), byServer, body),
    ]

    expect(answers.map(({ status }) => status)).toEqual([404, 403, 200])
    expect(invitationLogged()).toEqual([undefined, undefined, undefined])
  })
})

describe('an invitation is no other token', () => {
  it('neither in the place of an access token nor of an account token', async () => {
    const claims = { cart_id: cart, sub: 'storefront', grant_type: 'implicit' }
    const token = await sign(invitationParts(claims))

    for (const [place, status] of [
      [{ Authorization: `Bearer ${token}` }, 401],
      [{ [ACCOUNT_TOKEN]: token }, 403],
    ] as const) {
      const headers = { ...(await shopper(account)), ...place }
      expect((await sendWith(issuing, 'GET', cartOf(cart), headers)).status).toBe(status)
    }
  })

  it('nor are they invitations', async () => {
    await associate(cart, await shopper(other), other)
    takeLog()
    const claims = { cart_id: cart, claim: 'shared', jti: 'id' }

    for (const parts of [accessParts(claims), accountParts(claims)]) {
      expect(await ask(account, await sign(parts))).toBe(403)
    }
    expect(invitationLogged()).toEqual(['wrong_type', 'wrong_type'])
  })
})
