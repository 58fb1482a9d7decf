import { applyD1Migrations } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { expectErrors } from './expected.ts'
import { loggedReasons } from './logs.ts'
import { type Changes, request, sendWith } from './requests.ts'
import { failWith, wrapD1 } from './wrapped-d1.ts'

const databases = { DB: env.DB, DB_1: env.TEST_SECOND_DB }

beforeAll(async () => {
  await applyD1Migrations(databases.DB_1, env.TEST_MIGRATIONS)
})

describe('GET /healthz', () => {
  it('is served by the default export of the Worker', async () => {
    const response = await exports.default.fetch('https://api.example/healthz')

    expect(response.status).toBe(200)
  })

  it('answers 200 and asks nothing of the database', async () => {
    const { db, calls } = wrapD1(env.DB)

    const response = await sendWith({ DB: db }, 'GET', '/healthz')

    expect(response.status).toBe(200)
    expect(calls()).toBe(0)
  })
})

describe('GET /readyz', () => {
  it.each(['no such table: associations', 'Network connection lost.', 'D1 DB is overloaded.'])(
    'answers 503 and names the database that fails: %s',
    async (message) => {
      for (const [name, real] of Object.entries(databases)) {
        const { db } = wrapD1(real, failWith(message))

        const response = await sendWith({ ...databases, [name]: db }, 'GET', '/readyz')

        await expectErrors(response, 503, {
          title: 'Service Unavailable',
          detail: `${name} must answer, with every migration applied`,
        })
      }
      expect(loggedReasons()).toEqual([`Error: ${message}`, `Error: ${message}`])
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

    const response = await sendWith({ DB: db }, 'GET', '/readyz')

    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(60)
    await expectErrors(response, 503, {
      title: 'Service Unavailable',
      detail:
        'DB cannot answer: an export or an import runs, it is full, or a daily limit is reached',
    })
  })

  it.each<Changes>([{}, { MOVING_TO: 'DB_1' }])(
    'asks all databases at once, and keeps the result for 5 s, for all callers: %j',
    async (changes) => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const wrapped = [databases.DB, databases.DB_1].map((real) => wrapD1(real))
      const [DB, DB_1] = wrapped.map(({ db }) => db)
      const isolate = { ...env, ...changes, DB, DB_1 }
      const ask = async () => (await request(isolate, 'GET', '/readyz', {}, undefined)).status
      const calls = () => wrapped.map(({ calls }) => calls())

      expect(await Promise.all(Array.from({ length: 100 }, ask))).toEqual(Array(100).fill(200))
      expect(calls()).toEqual([1, 1])
      vi.setSystemTime(Date.now() + 4_900)
      expect([await ask(), calls()]).toEqual([200, [1, 1]])
      vi.setSystemTime(Date.now() + 200)
      expect([await ask(), calls()]).toEqual([200, [2, 2]])
      vi.useRealTimers()
    },
  )

  it('has a digest of where stores are, which each change of it changes', async () => {
    const placed = { 'moving-*': ['DB_1'] }
    const settings: Changes[] = [
      { STORE_PLACEMENT: {} },
      { STORE_PLACEMENT: placed },
      { STORE_PLACEMENT: placed, STORE_PLACEMENT_NEXT: {} },
      { STORE_PLACEMENT_NEXT: placed },
      { STORE_PLACEMENT_NEXT: { 'moving-a*': ['DB_1'] } },
      { STORE_PLACEMENT_NEXT: { moving: ['DB_1'] } },
    ]
    const digestWith = async (changes: Changes): Promise<unknown> => {
      const response = await sendWith({ ...databases, ...changes }, 'GET', '/readyz')
      return Object(await response.json()).placement
    }

    const digests = await Promise.all(settings.map(digestWith))

    expect(new Set(digests).size).toBe(settings.length)
    for (const digest of digests) expect(digest).toMatch(/^[\da-f]{1,8}$/)
    expect(await digestWith({ STORE_PLACEMENT: JSON.stringify(placed) })).toBe(digests[1])
    expect(await digestWith({})).toBeUndefined()
  })
})
