import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as v from 'valibot'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
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

const running: (() => Promise<string>)[] = []
afterEach(async () => {
  for (const stop of running.splice(0)) await stop()
})

function run(command: string, args: string[], cwd = app): Finished {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  return { code: status, out: stdout, error: stderr }
}

/** The number of packages that npm has installed, this one among them. */
function installed(): number {
  const lock = readFileSync(inApp('node_modules/.package-lock.json'), 'utf8')
  return Object.keys(JSON.parse(lock).packages).length
}

const dev = (...args: string[]): Finished => run('npx', ['cart-accounts', 'dev', ...args])

const access = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    ...{ url: v.string(), store_id: v.string(), client_id: v.string(), client_secret: v.string() },
    ...{ access_token: v.string(), account_id: v.string(), account_token: v.string() },
    server_access_token: v.string(),
  }),
)

/** Starts it and returns what it has printed once there is a line, and what Ctrl-C does. */
async function startDev(...args: string[]) {
  const command = ['cart-accounts', 'dev', ...args]
  const child = spawn('npx', command, { cwd: app, env, detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  // npx ends by the signal that it was sent.
  const exit = once(child, 'close').then(([code, signal]) => String(code ?? signal))
  const stop = async () => {
    // A terminal sends it to the whole group too.
    const { pid, exitCode, signalCode } = child
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGINT')
    return await exit
  }
  running.push(stop)
  await expect.poll(() => output, { timeout: 30_000 }).toMatch(/\n$/)
  return { output: () => output, stop }
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
})

describe('npm pack', () => {
  it("packs no clone, whose Node would take the place of the other project's", () => {
    const { code, out } = run('npm', ['pack', '--dry-run'], projectRoot)

    expect(code).not.toBe(0)
    expect(out).toContain('npm run package')
  })
})

describe('npx cart-accounts dev', () => {
  it('serves the Worker, and leaves nothing behind', async () => {
    const port = await freePort()
    const { output, stop } = await startDev('--json', '--port', String(port), '--account', 'ada')
    const { url, access_token, account_token, ...others } = v.parse(access, output())
    const shopper = {
      Authorization: `Bearer ${access_token}`,
      'EP-Account-Management-Authentication-Token': account_token,
    }

    expect(await post(url, shopper, 'ada')).toBe(200)
    expect(await post(url, shopper, 'ada')).toBe(204)
    const seconds = ((performance.now() - installingAt) / 1000).toFixed(1)
    const kib = (statSync(tarball).size / 1024).toFixed(0)
    console.info(`${seconds} s from npm i to 204, ${installed()} packages, tarball ${kib} KiB`)
    expect(others).toMatchObject({ store_id: 'demo', account_id: 'ada' })
    expect(await post(url, { Authorization: `Bearer ${others.server_access_token}` }, 'b')).toBe(
      200,
    )
    const { client_id, client_secret } = others
    const form = { grant_type: 'client_credentials', client_id, client_secret }
    const body = new URLSearchParams(form)
    const issued = await fetch(`${url}/oauth/access_token`, { method: 'POST', body })
    expect(issued.status).toBe(200)

    expect(['130', 'SIGINT']).toContain(await stop())
    expect(output().trim().split('\n')).toHaveLength(1)
    expect(readdirSync(temporary)).toEqual([])
    await requireFreePort(port)
  })

  it('keeps the database and the keys in a directory, and shows each request as one line', async () => {
    const args = ['--persist-to', 'kept', '--port', String(await freePort())]
    const first = await startDev(...args, '--json')
    const { url, server_access_token } = v.parse(access, first.output())
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
    const preflight = await fetch(`${url}/v2/carts`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://other.example' },
    })
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBeNull()
  })

  it('accepts account tokens of an identity provider that --var describes', async () => {
    const rules = { typ: 'JWT', audience: 'shop', account_claim: 'account', store: 'demo' }
    const { output } = await startDev(
      ...[
        '--json',
        '--port',
        String(await freePort()),
        '--var',
        'ACCOUNT_ISSUER:https://a.example',
      ],
      ...['--var', `ACCOUNT_JWKS:${keySet}`, '--var', `ACCOUNT_TOKENS:${JSON.stringify(rules)}`],
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
    const shopper = {
      Authorization: `Bearer ${access_token}`,
      'EP-Account-Management-Authentication-Token': token,
    }

    expect(await post(url, shopper, 'ada')).toBe(200)
    expect(others).not.toHaveProperty('account_token')
  })

  it('says in one line that the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = Object(server.address())

    expect(dev('--port', String(port))).toEqual({
      code: 1,
      out: '',
      error: `Port ${port} is taken: choose another, npx cart-accounts dev --port ${port + 1}\n`,
    })
    server.close()
  })

  it.each([
    { args: ['--port', 'x'], error: '--port must be a number from 1 to 65535' },
    { args: ['9000'], error: 'Each option has a name, like --port 9000; found "9000"' },
    { args: ['--persist-to', ''], error: '--persist-to must name a directory' },
    { args: ['--account', 'a b'], error: /^--account must be 1 to 255 .*, not "a b"/ },
    { args: ['--var', 'CARTS_PER_ACCOUNT'], error: '--var must be NAME:VALUE' },
    { args: ['--daemon'], error: "Unknown option '--daemon'" },
  ])('says in one line what is wrong, with exit code 2: $args', ({ args, error }) => {
    const { code, error: printed } = dev(...args)

    expect({ code, lines: printed.split('\n').length }).toEqual({ code: 2, lines: 2 })
    expect(printed).toMatch(error)
  })

  it('names the setting that is not good', async () => {
    const args = ['--port', String(await freePort()), '--var', 'CARTS_PER_ACCOUNT:0']

    expect(dev(...args)).toMatchObject({
      code: 1,
      error: 'The Worker cannot serve: CARTS_PER_ACCOUNT must be a whole number from 1 to 1000\n',
    })
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
