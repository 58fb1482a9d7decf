import { applyD1Migrations } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { expectErrors } from './expected.ts'
import { loggedReasons } from './logs.ts'
import { request, sendJsonWith, sendWith } from './requests.ts'
import { failWith, wrapD1 } from './wrapped-d1.ts'

describe('GET /healthz', () => {
  it('is served by the default export of the Worker', async () => {
    const response = await exports.default.fetch('https://api.example/healthz')

    expect(response.status).toBe(200)
  })

  it('answers 200 and asks nothing of the database', async () => {
    const { db, calls } = wrapD1(env.DB)

    const response = await sendJsonWith({ DB: db }, 'GET', '/healthz', {}, undefined)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
    expect(calls()).toBe(0)
  })
})

describe('GET /readyz', () => {
  it('answers 200 after one query', async () => {
    const { db, calls } = wrapD1(env.DB)

    const response = await sendJsonWith({ DB: db }, 'GET', '/readyz', {}, undefined)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
    expect(calls()).toBe(1)
  })

  it.each(['no such table: associations', 'Network connection lost.', 'D1 DB is overloaded.'])(
    'answers 503 and names the database that fails: %s',
    async (message) => {
      const { db } = wrapD1(env.DB, failWith(message))

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
    'answers 503 if a migration has not made %s',
    async (table) => {
      await env.DB.prepare(`alter table ${table} rename to elsewhere`).run()

      const response = await sendWith({}, 'GET', '/readyz')

      await env.DB.prepare(`alter table elsewhere rename to ${table}`).run()
      expect(response.status).toBe(503)
    },
  )

  it('says what helps if a database is closed, and does not blame a migration', async () => {
    const { db } = wrapD1(env.DB, failWith('database or disk is full: SQLITE_FULL'))

    const response = await sendJsonWith({ DB: db }, 'GET', '/readyz', {}, undefined)

    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(60)
    await expectErrors(response, 503, {
      title: 'Service Unavailable',
      detail:
        'DB cannot answer: an export or an import runs, it is full, or a daily limit is reached',
    })
  })

  it('asks all databases at once, and keeps the result for 5 s, for all callers', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const wrapped = [env.DB, env.TEST_SECOND_DB].map((real) => wrapD1(real))
    const [DB, DB_1] = wrapped.map(({ db }) => db)
    await applyD1Migrations(env.TEST_SECOND_DB, env.TEST_MIGRATIONS)
    const isolate = { ...env, DB, DB_1 }
    const ask = async () => (await request(isolate, 'GET', '/readyz', {}, undefined)).status
    const calls = () => wrapped.map(({ calls }) => calls())

    expect(await Promise.all(Array.from({ length: 100 }, ask))).toEqual(Array(100).fill(200))
    expect(calls()).toEqual([1, 1])
    vi.setSystemTime(Date.now() + 4_900)
    expect([await ask(), calls()]).toEqual([200, [1, 1]])
    vi.setSystemTime(Date.now() + 200)
    expect([await ask(), calls()]).toEqual([200, [2, 2]])
    vi.useRealTimers()
  })

  it('answers HEAD as GET, without a body', async () => {
    const response = await sendWith({}, 'HEAD', '/readyz')

    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})
