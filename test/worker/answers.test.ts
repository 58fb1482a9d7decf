import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { expectCommonHeaders } from './expected.ts'
import {
  accounts,
  accountsOf,
  associate,
  send,
  sendJson,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { d1Error, wrapD1 } from './wrapped-d1.ts'

const json = { 'Content-Type': 'application/json' }

/** One response of each status that takes no time; request-body.test.ts has the 408. */
const answers: { title: string; status: number; ask: () => Promise<Response> }[] = [
  {
    title: 'a new association',
    status: 200,
    ask: async () => await associate(uniqueId('cart'), await server(), 'account-1'),
  },
  {
    title: 'a removal',
    status: 204,
    ask: async () =>
      await sendJson('DELETE', accountsOf('cart-1'), await server(), accounts('account-1')),
  },
  {
    title: 'a preflight',
    status: 204,
    ask: async () => await send('OPTIONS', accountsOf('cart-1')),
  },
  {
    title: 'a bad body',
    status: 400,
    ask: async () => await sendJson('POST', accountsOf('cart-1'), await server(), {}),
  },
  {
    title: 'no access token',
    status: 401,
    ask: async () => await sendJson('POST', accountsOf('cart-1'), {}, accounts('account-1')),
  },
  {
    title: 'an account that is not its own',
    status: 403,
    ask: async () => await associate('cart-1', await shopper('account-1'), 'account-2'),
  },
  { title: 'an unknown path', status: 404, ask: async () => await send('GET', '/v2/nothing') },
  {
    title: 'a method not served',
    status: 405,
    ask: async () => await send('PUT', accountsOf('c')),
  },
  {
    title: 'a body over the limit',
    status: 413,
    ask: async () =>
      await send('POST', accountsOf('c'), { ...(await server()), ...json }, 'x'.repeat(70_000)),
  },
  {
    title: 'a body of the wrong type',
    status: 415,
    ask: async () =>
      await send('POST', accountsOf('c'), { ...(await server()), 'Content-Type': 'text/csv' }, 'a'),
  },
  {
    title: 'a shopper beyond its limit',
    status: 429,
    ask: async () => {
      const bindings = { SHOPPER_RATE_LIMIT: exhaustedLimit }
      const caller = await shopper('account-1')
      return await sendJsonWith(bindings, 'POST', accountsOf('c'), caller, accounts('account-1'))
    },
  },
  {
    title: 'a database that is overloaded',
    status: 503,
    ask: async () => {
      const { db } = wrapD1(env.DB, async () => {
        throw d1Error('D1 DB is overloaded. Too many requests queued.')
      })
      const caller = await server()
      return await sendJsonWith({ DB: db }, 'POST', accountsOf('c'), caller, accounts('a'))
    },
  },
  {
    title: 'a Worker without settings',
    status: 500,
    ask: async () => {
      const bindings = { AUTH_JWKS: undefined }
      return await sendJsonWith(bindings, 'POST', accountsOf('c'), await server(), accounts('a'))
    },
  },
]

describe.each(answers)('the answer $status to $title', ({ status, ask }) => {
  it('carries the id of the request, the CORS headers and the security headers', async () => {
    const response = await ask()

    expect(response.status).toBe(status)
    expectCommonHeaders(response)
  })
})

describe.each(answers.filter(({ status }) => status >= 400))(
  'the error document of the answer $status to $title',
  ({ status, ask }) => {
    it('holds one error object, whose status is the status', async () => {
      const response = await ask()

      expect(response.headers.get('Content-Type')).toBe('application/json')
      expect(await response.json()).toEqual({
        errors: [expect.objectContaining({ status, title: expect.any(String) })],
      })
    })
  },
)

describe('the request id', () => {
  it('is new for every request, whatever the client sends', async () => {
    const headers = { 'X-Request-Id': 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe' }

    const first = await send('GET', '/healthz', headers)
    const second = await send('GET', '/healthz', headers)

    const ids = [first, second].map((response) => response.headers.get('X-Request-Id'))
    expect(new Set([...ids, headers['X-Request-Id']]).size).toBe(3)
  })
})
