import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SentRequest, shortenTokens } from '../../pages/playground/page/exchange.ts'
import { curlOf, fetchOf, sdkOf } from '../../pages/playground/page/snippets.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { preparePlayground } from '../../tools/start/playground.ts'
import { demoKey } from '../../tools/tokens/application-keys.ts'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../../tools/tokens/mint.ts'
import { startThrowawayPlayground } from '../browser/playground.ts'
import { newDirectory } from './finished.ts'

const directory = newDirectory()
let url: string
let settings: LocalSettings
beforeAll(async () => {
  const variables = { CORS_ORIGINS: 'https://shop.example' }
  const playground = await startThrowawayPlayground(directory, variables)
  url = playground.url
  settings = playground.settings
}, 120_000)
afterAll(stopAll)

interface Shopper {
  accountId: string
  headers: SentRequest['headers']
}

async function newShopper(): Promise<Shopper> {
  const accountId = crypto.randomUUID()
  const common = { storeId: 'demo', expiresInSeconds: 600 }
  const account = { ...common, accountId, memberId: 'member' }
  const client = { ...common, clientId: 'demo-storefront', grantType: 'implicit' } as const
  return {
    accountId,
    headers: [
      ['Authorization', `Bearer ${await mintAccessToken(settings, client)}`],
      ['EP-Account-Management-Authentication-Token', await mintAccountToken(settings, account)],
    ],
  }
}

function association(cartId: string, { accountId, headers }: Shopper): SentRequest {
  return {
    method: 'POST',
    url: `${url}/v2/carts/${cartId}/relationships/accounts`,
    headers: [...headers, ['Content-Type', 'application/json']],
    body: JSON.stringify({ data: [{ type: 'account', id: accountId }] }),
  }
}

async function send(request: SentRequest): Promise<Response> {
  const { method, url, headers, body = null } = request
  return await fetch(url, { method, headers, body })
}

/** What the cart service answers: the status, and the document. */
async function askForItems(cartId: string, shopper?: Shopper, body?: string) {
  const method = body === undefined ? 'GET' : 'POST'
  const response = await send({
    method,
    url: `${url}/playground/carts/${cartId}/items`,
    headers: shopper?.headers ?? [],
    body,
  })
  return { status: response.status, ...Object(await response.json()) }
}

const lamp = JSON.stringify({ product: 'lamp' })

describe('the cart service of the playground', () => {
  it('keeps the items of a cart that no account has, and loses none of several at once', async () => {
    const cartId = crypto.randomUUID()

    const added = Array.from({ length: 10 }, () => askForItems(cartId, undefined, lamp))

    for (const { status } of await Promise.all(added)) expect(status).toBe(200)
    const data = [{ product: 'lamp', quantity: 10 }]
    expect(await askForItems(cartId)).toEqual({ status: 200, data })
    expect(await askForItems(crypto.randomUUID())).toEqual({ status: 200, data: [] })
  })

  it('shows a cart that an account has to that account alone, until it forgets the cart', async () => {
    const cartId = crypto.randomUUID()
    const [owner, stranger] = [await newShopper(), await newShopper()]
    await askForItems(cartId, undefined, lamp)
    await send(association(cartId, owner))

    const asked = await askForItems(cartId, owner)
    const asStranger = await askForItems(cartId, stranger, lamp)
    const withoutTokens = await askForItems(cartId, undefined, lamp)

    const data = [{ product: 'lamp', quantity: 1 }]
    const notFound = { status: 404, title: 'Not Found', detail: 'Cart not found' }
    const unknown = { status: 401, title: 'Unable to validate access token' }
    expect(asked).toEqual({ status: 200, data })
    expect(asStranger).toEqual({ status: 404, errors: [notFound] })
    expect(withoutTokens).toEqual({ status: 401, errors: [unknown] })
    expect((await askForItems(cartId, stranger)).status).toBe(404)
    expect((await askForItems(cartId)).status).toBe(401)

    await send({ ...association(cartId, owner), method: 'DELETE' })
    expect(await askForItems(cartId)).toEqual({ status: 200, data })
  })
})

describe('the playground before the real Worker', () => {
  it('hands on what is no business of its own: method, headers, body, and what --var sets', async () => {
    const owner = await newShopper()
    const request = association(crypto.randomUUID(), owner)

    const [first, second] = [await send(request), await send(request)]
    const unknown = await fetch(`${url}/playground/nothing`, { method: 'PATCH', body: 'x' })
    const preflight = await fetch(request.url, {
      method: 'OPTIONS',
      headers: { Origin: 'https://shop.example' },
    })

    expect([first.status, second.status]).toEqual([200, 204])
    expect(await first.json()).toEqual({ data: [{ type: 'account', id: owner.accountId }] })
    expect(unknown.headers.get('X-Request-Id')).toMatch(/^[\w-]{36}$/)
    expect(unknown.status).toBe(404)
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBe('https://shop.example')
  })

  it('serves the page, whose policy lets it load from here and nowhere else', async () => {
    const page = await fetch(url)
    const html = await page.text()

    expect(html).toContain('<title>Playground')
    expect(page.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
    for (const [, file] of html.matchAll(/(?:href|src)="(\/playground\/[^"]+)"/g)) {
      const { status } = await fetch(url + file)
      expect([file, status]).toEqual([file, 200])
    }
  })

  it('names the shoppers who can sign in to its owner alone, and none of another issuer', async () => {
    const elsewhere = newDirectory()
    await preparePlayground({
      directory: elsewhere,
      settings: { ...settings, accountIssuer: undefined },
      key: demoKey(settings),
      devVars: path.join(directory, '.dev.vars'),
      variables: {},
    })

    const sessionIn = (prepared: string) => path.join(prepared, 'assets/playground/session.json')
    expect(statSync(sessionIn(directory)).mode & 0o777).toBe(0o600)
    const session = JSON.parse(readFileSync(sessionIn(elsewhere), 'utf8'))
    expect(session).toEqual({ clientId: 'demo-storefront' })
  })
})

const run = promisify(execFile)

async function runsInNode(code: string): Promise<string> {
  const args = ['--input-type=module', '--eval', code]
  const { stdout } = await run(process.execPath, args, { cwd: projectRoot })
  return stdout
}

describe('the code that the page copies', () => {
  it('runs in a shell as curl: 200, and 204 when pasted again', async () => {
    const curl = curlOf(association(crypto.randomUUID(), await newShopper()))

    const first = await run('sh', ['-c', curl])
    const second = await run('sh', ['-c', curl])

    expect(first.stdout).toContain('HTTP/1.1 200 OK')
    expect(second.stdout).toContain('HTTP/1.1 204 No Content')
  })

  it('lets no quote of a body out of the quotes of the shell', () => {
    const body = "'; rm -rf / #"

    const curl = curlOf({ method: 'POST', url, headers: [], body })

    expect(curl).toContain("--data-raw ''\\''; rm -rf / #'")
  })

  it('runs as fetch', async () => {
    const owner = await newShopper()
    const request = association(crypto.randomUUID(), owner)

    const printed = await runsInNode(fetchOf(request))

    expect(printed).toBe(`200 {"data":[{"type":"account","id":"${owner.accountId}"}]}\n`)
    expect((await send(request)).status).toBe(204)
  })

  it('runs with the SDK of Elastic Path: token, association, list, cart, dissociation', async () => {
    const owner = await newShopper()
    const cartId = crypto.randomUUID()
    const associate = association(cartId, owner)
    const read = { method: 'GET', headers: owner.headers, body: undefined }
    const requests: SentRequest[] = [
      { ...read, method: 'POST', url: `${url}/oauth/access_token` },
      associate,
      { ...read, url: `${url}/v2/carts` },
      { ...read, url: `${url}/v2/carts/${cartId}` },
      { ...associate, method: 'DELETE' },
    ]

    const printed: string[] = []
    for (const request of requests) {
      printed.push(await runsInNode(sdkOf(request, 'demo-storefront') ?? ''))
    }

    const [token, associated, list, cart, dissociated] = printed
    expect(token).toContain("identifier: 'implicit'")
    expect(associated).toContain(owner.accountId)
    expect(list).toContain(cartId)
    expect(cart).toContain(cartId)
    expect(dissociated).toContain('{}')
    expect((await send({ ...read, url: `${url}/v2/carts/${cartId}` })).status).toBe(404)
    expect(sdkOf({ ...associate, method: 'GET' }, 'demo')).toBeUndefined()
    expect(sdkOf({ ...read, url: `${url}/healthz` }, 'demo')).toBeUndefined()
  })
})

it('shortens each token of a text that the page shows, and nothing else', () => {
  const token = `eyJ${'hbGciOiJFUzI1NiJ9'}.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl-x4Q`
  const id = '"id":"0b0c8e0e-2b4a-4a53-8c4d-1a2b3c4d5e6f","host":"a.b.example"'

  const shown = shortenTokens(`{"access_token":"${token}","other":"${token}",${id}}`)

  expect(shown).toBe(`{"access_token":"eyJhbGci…x4Q","other":"eyJhbGci…x4Q",${id}}`)
})
