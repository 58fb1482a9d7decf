import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { freePort, requireFreePort } from '../../tools/lib/ports.ts'
import { type Finished, finished, newDirectory } from './finished.ts'

/** A different project, with nothing in it but the installed tarball. */
const app = newDirectory()
const temporary = newDirectory()
const tarball = path.join(app, 'cart-accounts.tgz')
// npx leaves a cache there.
const env = { ...process.env, TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' }
const inApp = (...names: string[]): string => path.join(app, ...names)
let installingAt: number

/** The keys of an identity provider. */
const { privateKey, publicKey } = await generateKeyPair('ES256')
const keySet = JSON.stringify({ keys: [await exportJWK(publicKey)] })

beforeAll(() => {
  expect(finished('package/build.ts', [], projectRoot)).toMatchObject({ code: 0, error: '' })
  const packed = run('npm', ['pack', './dist/package', '--pack-destination', app], projectRoot)
  renameSync(path.join(app, packed.out.trim()), tarball)
  writeFileSync(inApp('package.json'), '{"type":"module"}')
  installingAt = performance.now()
  expect(run('npm', ['install', '--no-audit', tarball])).toMatchObject({ code: 0 })
}, 180_000)

function run(command: string, args: string[], cwd = app): Finished {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  return { code: status, out: stdout, error: stderr }
}

/** The number of packages that npm has installed, this one among them. */
function installed(): number {
  const lock = readFileSync(inApp('node_modules/.package-lock.json'), 'utf8')
  return Object.keys(JSON.parse(lock).packages).length
}

/** Starts it, and returns what it prints once there is a line; `stop` returns its exit code. */
async function startDev(...args: string[]) {
  const child = spawn(inApp('node_modules/.bin/cart-accounts'), ['dev', ...args], { cwd: app, env })
  const printed: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => printed.push(text))
  }
  const exit = once(child, 'close')
  const stop = async () => {
    child.kill('SIGINT')
    const [code] = await exit
    return code
  }
  onTestFinished(stop)
  const output = () => printed.join('')
  await expect.poll(output, { timeout: 30_000 }).toMatch(/\n$/)
  return { output, stop }
}

function shopperWith(accessToken: string, accountToken: string): Record<string, string> {
  return {
    Authorization: `Bearer ${accessToken}`,
    'EP-Account-Management-Authentication-Token': accountToken,
  }
}

async function post(url: string, headers: Record<string, string>, id: string): Promise<number> {
  const response = await fetch(`${url}/v2/carts/cart-1/relationships/accounts`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: [{ type: 'account', id }] }),
  })
  return response.status
}

describe('the published package', () => {
  it('installs Miniflare and nothing else of ours', () => {
    const { scripts, dependencies } = JSON.parse(
      readFileSync(inApp('node_modules/cart-accounts/package.json'), 'utf8'),
    )

    expect({ scripts, dependencies }).toEqual({
      scripts: undefined,
      dependencies: { miniflare: '5.20261023.2-beta' },
    })
    expect(installed()).toBeLessThan(30)
    expect(statSync(tarball).size).toBeLessThan(100 * 1024)
    expect(readdirSync(inApp('node_modules/.bin'))).not.toContain('node')
  })

  it("is never a clone, whose Node would take the place of the other project's", () => {
    const { code, out } = run('npm', ['pack', '--dry-run'], projectRoot)

    expect(code).not.toBe(0)
    expect(out).toContain('npm run package')
  })
})

describe('npx cart-accounts dev', () => {
  it('serves the Worker, and leaves nothing behind', async () => {
    const port = await freePort()
    const { output, stop } = await startDev('--json', '--port', String(port), '--account', 'ada')
    const { url, access_token, account_token, ...others } = JSON.parse(output())
    const shopper = shopperWith(access_token, account_token)

    expect(await post(url, shopper, 'ada')).toBe(200)
    expect(await post(url, shopper, 'ada')).toBe(204)
    const seconds = ((performance.now() - installingAt) / 1000).toFixed(1)
    const kib = (statSync(tarball).size / 1024).toFixed(0)
    console.info(`${seconds} s from npm i to 204, ${installed()} packages, tarball ${kib} KiB`)
    const { client_id, client_secret, server_access_token, ...rest } = others
    expect(rest).toEqual({ store_id: 'demo', account_id: 'ada' })
    const server = { Authorization: `Bearer ${server_access_token}` }
    expect(await post(url, server, 'b')).toBe(200)
    const form = { grant_type: 'client_credentials', client_id, client_secret }
    const body = new URLSearchParams(form)
    const issued = await fetch(`${url}/oauth/access_token`, { method: 'POST', body })
    expect(issued.status).toBe(200)

    expect(await stop()).toBe(130)
    expect(output().trim().split('\n')).toHaveLength(1)
    expect(readdirSync(temporary)).toEqual([])
    // The kernel frees it a moment after workerd has ended.
    await vi.waitFor(() => requireFreePort(port))
  })

  it('keeps the database and the keys in a directory, and shows each request as one line', async () => {
    const args = ['--persist-to', 'kept', '--port', String(await freePort())]
    const first = await startDev(...args, '--json')
    const { url, server_access_token } = JSON.parse(first.output())
    const server = { Authorization: `Bearer ${server_access_token}` }
    expect(await post(url, server, 'ada')).toBe(200)
    await first.stop()

    const second = await startDev(...args, '--var', 'CORS_ORIGINS:https://shop.example')

    expect(await post(url, server, 'ada')).toBe(204)
    expect(await post(url, {}, 'ada')).toBe(401)
    const lines = second.output().trim().split('\n')
    expect(lines.at(0)).toBe(`url                  ${url}`)
    await expect
      .poll(() => second.output().trim().split('\n').slice(-3))
      .toEqual([
        'Ctrl-C stops it; kept keeps its database.',
        '204 POST /v2/carts/:cartID/relationships/accounts',
        '401 POST /v2/carts/:cartID/relationships/accounts: TokenRefused: absent',
      ])
    const headers = { Origin: 'https://other.example' }
    const preflight = await fetch(`${url}/v2/carts`, { method: 'OPTIONS', headers })
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBeNull()
  })

  it('accepts account tokens of an identity provider that --var describes', async () => {
    const rules = { typ: 'JWT', audience: 'shop', account_claim: 'account', store: 'demo' }
    const { output } = await startDev(
      ...['--json', '--port', String(await freePort())],
      ...['--var', 'ACCOUNT_ISSUER:https://a.example', '--var', `ACCOUNT_JWKS:${keySet}`],
      ...['--var', `ACCOUNT_TOKENS:${JSON.stringify(rules)}`],
    )
    const { url, access_token, ...others } = JSON.parse(output())
    const token = await new SignJWT({ account: 'ada' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('https://a.example')
      .setAudience('shop')
      .setSubject('member')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)

    expect(await post(url, shopperWith(access_token, token), 'ada')).toBe(200)
    expect(others).not.toHaveProperty('account_token')
  })

  it.each([
    { args: ['9000'], code: 2, error: /^Unexpected argument '9000': options have names, / },
    { args: ['--persist-to', ''], code: 2, error: /^--persist-to must name a directory/ },
    { args: ['--account', 'a b'], code: 2, error: /^--account must be 1 to 255 .*, not "a b"/ },
    {
      args: ['--var', 'CARTS_PER_ACCOUNT:0'],
      code: 1,
      error: /^The Worker cannot serve: CARTS_PER_ACCOUNT must be a whole number from 1 to 1000\n/,
    },
  ])('says in one line what is wrong: $args', async ({ args, code, error }) => {
    const port = String(await freePort())

    const ended = run('npx', ['cart-accounts', 'dev', '--port', port, ...args])

    expect({ code: ended.code, lines: ended.error.split('\n').length }).toEqual({ code, lines: 2 })
    expect(ended.error).toMatch(error)
  })
})

describe('cart-accounts/testing', () => {
  it('runs the example of its page', () => {
    const page = readFileSync(path.join(projectRoot, 'docs/testing-your-shop.md'), 'utf8')
    const [, example = ''] = /```js\n(.*?)```/s.exec(page) ?? []
    writeFileSync(inApp('shop.test.js'), example)

    expect(run(process.execPath, ['--test', 'shop.test.js']).out).toMatch(/pass 2\n.*fail 0\n/s)
    expect(readdirSync(temporary)).toEqual([])
  })

  it('takes a port and settings, and says what it cannot do', async () => {
    const port = await freePort()
    writeFileSync(
      inApp('script.js'),
      `import { startCartAccounts } from 'cart-accounts/testing'
      const settings = { ACCOUNT_ISSUER: 'https://a.example', ACCOUNT_JWKS: ${JSON.stringify(keySet)} }
      const startedAt = performance.now()
      const carts = await startCartAccounts({ port: ${port}, settings })
      const milliseconds = performance.now() - startedAt
      const words = (error) => error.message
      console.log(JSON.stringify([
        milliseconds,
        carts.url,
        await carts.shopper('ada').catch(words),
        await carts.shopper('a b').catch(words),
        await startCartAccounts({ port: ${port} }).catch(words),
      ]))
      await carts.stop()`,
    )

    const { out, error } = run(process.execPath, ['script.js'])

    expect(error).toBe('')
    const [milliseconds, ...seen] = JSON.parse(out)
    console.info(`startCartAccounts took ${(milliseconds / 1000).toFixed(1)} s`)
    expect(seen).toEqual([
      `http://127.0.0.1:${port}`,
      'Account tokens come from another issuer here: ACCOUNT_JWKS or ACCOUNT_JWKS_URL is set',
      'accountId must be 1 to 255 characters of A-Z a-z 0-9 _ -, not "a b"',
      `Port ${port} is taken: choose another, port: ${port + 1}`,
    ])
  })

  it('is typed', () => {
    writeFileSync(
      inApp('typed.ts'),
      `import { type CartAccounts, startCartAccounts } from 'cart-accounts/testing'
      const carts: CartAccounts = await startCartAccounts({ settings: { CARTS_PER_ACCOUNT: 1 } })
      await fetch(carts.url, { headers: await carts.shopper('ada') })
      await fetch(carts.url, { headers: await carts.server() })
      // @ts-expect-error: the account must be named
      await carts.shopper()
      await carts.reset()
      await carts.stop()`,
    )
    const tsc = path.join(projectRoot, 'node_modules/typescript/bin/tsc')
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']

    expect(run(process.execPath, [tsc, ...options, 'typed.ts'])).toEqual({
      code: 0,
      out: '',
      error: '',
    })
  })
})
