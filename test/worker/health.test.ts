import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { expectErrors } from './expect-errors.ts'
import { loggedReasons } from './logs.ts'
import { send, sendJsonWith } from './requests.ts'
import { d1Error, wrapD1 } from './wrapped-d1.ts'

describe('GET /healthz', () => {
  it('is served by the default export of the Worker', async () => {
    const response = await exports.default.fetch('https://api.example/healthz')

    expect(response.status).toBe(200)
  })

  it('answers 200 and asks nothing of the database', async () => {
    const { db, calls } = wrapD1(env.DB, (_, call) => call())

    const response = await sendJsonWith({ DB: db }, 'GET', '/healthz', {}, undefined)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
    expect(calls()).toBe(0)
  })
})

describe('GET /readyz', () => {
  it('answers 200 after one query', async () => {
    const { db, calls } = wrapD1(env.DB, (_, call) => call())

    const response = await sendJsonWith({ DB: db }, 'GET', '/readyz', {}, undefined)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
    expect(calls()).toBe(1)
  })

  it.each(['no such table: associations', 'Network connection lost.', 'D1 DB is overloaded.'])(
    'answers 503 and names the database that fails: %s',
    async (message) => {
      const { db } = wrapD1(env.DB, async () => {
        throw d1Error(message)
      })

      const response = await sendJsonWith({ DB: db }, 'GET', '/readyz', {}, undefined)

      expect(response.headers.has('Retry-After')).toBe(true)
      await expectErrors(response, 503, {
        title: 'Service Unavailable',
        detail: 'DB must answer, with every migration applied',
      })
      expect(loggedReasons()).toEqual([`Error: ${message}`])
    },
  )

  it.each(['associations', 'application_keys'])(
    'answers 503 where a migration has not made %s',
    async (table) => {
      await env.DB.prepare(`alter table ${table} rename to elsewhere`).run()

      const response = await send('GET', '/readyz')

      await env.DB.prepare(`alter table elsewhere rename to ${table}`).run()
      expect(response.status).toBe(503)
    },
  )

  it('answers HEAD as GET, without a body', async () => {
    const response = await send('HEAD', '/readyz')

    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})
