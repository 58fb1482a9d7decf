import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { importJWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { migrateLocalDatabases, openLocalDatabases } from '../../tools/lib/local-databases.ts'
import { called, newDirectory } from './finished.ts'

const directory = newDirectory()
const target = ['--persist-to', directory]
beforeAll(() => migrateLocalDatabases({ 'persist-to': directory }), 60_000)

const keys = (...args: string[]) => called('keys', ...args)

describe('npx cart-accounts keys', () => {
  it('makes keys, shows a secret once and stores its digest; lists them and revokes one', async () => {
    const name = "O'Neill's storefront"
    const create = ['create', '--store', 'shop', ...target]

    const made = await keys(...create, '--name', name)
    const open = await keys(...create, '--name', 'Web', '--implicit-only')
    const list = await keys('list', ...target)

    const [, clientId = '', secret = ''] =
      /^client_id {6}(\S+)\nclient_secret {2}(\S+)\nstore {10}shop\n/.exec(made.out) ?? []
    const [, openId = ''] = /^client_id {6}(\S+)\nstore {10}shop\n/.exec(open.out) ?? []
    expect(made.out).toContain('The secret is shown this once; only its digest is stored.')
    expect(secret).toHaveLength(43)
    const [heads, ...rows] = list.out.split('\n')
    expect(heads).toMatch(/^CLIENT ID +STORE +GRANTS +MADE +NAME$/)
    expect(
      rows.map((row) => row.replace(/ {2,}/g, ' | ').replace(/\d{4}-\d\d-\d\d/, 'day')),
    ).toEqual([
      `${clientId} | shop | implicit, client_credentials | day | ${name}`,
      `${openId} | shop | implicit | day | Web`,
      '',
    ])

    const revoked = await keys('revoke', openId, ...target)
    const again = await keys('revoke', openId, ...target)
    const { bindings, close } = await openLocalDatabases({ 'persist-to': directory })
    const stored = await bindings.DB.prepare('select * from application_keys').all()
    await close()

    expect(revoked).toEqual({
      code: 0,
      error: '',
      out: 'Revoked "Web" of the store shop. Tokens it already has stay valid for up to an hour.\n',
    })
    expect(again).toEqual({ code: 1, error: `No key has the client id ${openId}\n`, out: '' })
    const digest = createHash('sha256').update(secret).digest('hex')
    const row = { client_id: clientId, store_id: 'shop', name, secret_digest: digest }
    expect(stored.results).toEqual([{ ...row, created_at: expect.any(Number) }])
  })

  it('prints a private key for AUTH_SIGNING_JWK and nothing else, another one each time', async () => {
    const [first, second] = [await keys('signing-key'), await keys('signing-key')]

    expect(first).toMatchObject({ code: 0, error: '' })
    expect(second.out).not.toBe(first.out)
    const jwk = JSON.parse(first.out)
    expect(jwk).toMatchObject({ alg: 'ES256', kid: expect.stringMatching(/^[\w-]{36}$/) })
    expect(await importJWK(jwk)).toMatchObject({ type: 'private' })
  })

  it('puts the public halves of key sets and private keys into one set, for a rotation', async () => {
    const [first, second] = [(await keys('signing-key')).out, (await keys('signing-key')).out]
    const [now, next] = [path.join(directory, 'now.json'), path.join(directory, 'next.json')]
    writeFileSync(now, first)
    writeFileSync(now, (await keys('key-set', now)).out)
    writeFileSync(next, second)

    const joined = await keys('key-set', now, next, now)
    writeFileSync(now, joined.out)
    const left = await keys('key-set', now, '--without', JSON.parse(first).kid)

    const publicHalf = ({ d: _, ...jwk }: { d: string }) => ({ ...jwk, use: 'sig' })
    const [old, young] = [publicHalf(JSON.parse(first)), publicHalf(JSON.parse(second))]
    expect(JSON.parse(joined.out)).toEqual({ keys: [old, young] })
    expect(JSON.parse(left.out)).toEqual({ keys: [young] })
  })

  const file = path.join(directory, 'bad.json')
  const secretOf = (k: string) => ({ kid: 'k', alg: 'HS256', kty: 'oct', k: k.repeat(43) })
  const setOf = (...letters: string[]) => JSON.stringify({ keys: letters.map(secretOf) })
  it.each([
    { text: '{', args: [], error: `${file} must be JSON` },
    { text: setOf(), args: [], error: `${file} keys must hold at least one key` },
    { text: setOf('a', 'b'), args: [], error: 'Two of the keys have the same kid' },
    {
      text: setOf('a'),
      args: ['--without', 'other'],
      error: `There is no key "other" in ${file}`,
    },
    { text: setOf('a'), args: ['--without', 'k'], error: 'No key would be left' },
  ])('prints no key set, and says why: $error', async ({ text, args, error }) => {
    writeFileSync(file, text)

    const printed = await keys('key-set', file, ...args)

    expect(printed).toEqual({ code: 1, out: '', error: `${error}\n` })
  })

  it('says which command migrates a database that is not', async () => {
    const elsewhere = path.join(directory, 'elsewhere')

    expect(await keys('list', '--persist-to', elsewhere)).toEqual({
      code: 1,
      error: `The database is not migrated. Run: npx wrangler d1 migrations apply DB --local --persist-to ${elsewhere}\n`,
      out: '',
    })
  })
})
