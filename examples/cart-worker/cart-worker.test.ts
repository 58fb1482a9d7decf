// Runs the cart service, the router in front of it, and cart-accounts, each from its own wrangler.toml.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { prepareState } from '../../tools/lib/throwaway-worker.ts'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../../tools/tokens/mint.ts'

let url: string
let settings: LocalSettings
let clientId: string
beforeAll(async () => {
  const directory = temporaryDirectory('examples')
  const { devVars, start, ...state } = await prepareState(directory)
  settings = state.settings
  clientId = state.key.clientId
  appendFileSync(devVars, '\nCLAIMS=invited\n')
  // wrangler reads .dev.vars beside the configuration only, unless the Worker is the first one.
  const cartAccounts = path.join(directory, 'wrangler.toml')
  const toml = readFileSync(path.join(projectRoot, 'wrangler.toml'), 'utf8')
  const absolute = toml.replace(/"(src\/app\.ts|dist\/assets)"/g, `"${projectRoot}/$1"`)
  writeFileSync(cartAccounts, absolute)
  const examples = ['router', 'cart-worker'].map((name) =>
    path.join(projectRoot, 'examples', name, 'wrangler.toml'),
  )
  const configs = [...examples, cartAccounts].flatMap((file) => ['--config', file])
  url = await start(configs, () => undefined)
}, 60_000)
afterAll(stopAll)

async function ask(method: string, pathname: string, headers = {}, body?: string): Promise<string> {
  const init = { method, headers, ...(body && { body }) }
  const response = await fetch(new URL(pathname, url), init)
  return `${response.status} ${await response.text()}`
}

/** Asks the cart service, as an account or as a guest. */
const open = (cartId: string, accountId?: string, body?: string): Promise<string> => {
  const headers = accountId === undefined ? {} : { 'X-Account-Id': accountId }
  return ask(body === undefined ? 'GET' : 'PUT', `/v2/carts/${cartId}/items`, headers, body)
}

/** Signs in: associates the cart with the account, with an invitation or without one. */
async function signIn(cartId: string, accountId: string, invitation = ''): Promise<string> {
  const by = { storeId: 'demo', expiresInSeconds: 600 }
  const access = { ...by, clientId: 'storefront', grantType: 'implicit' } as const
  const account = { ...by, accountId, memberId: 'member' }
  const headers = {
    Authorization: `Bearer ${await mintAccessToken(settings, access)}`,
    'EP-Account-Management-Authentication-Token': await mintAccountToken(settings, account),
    'X-Cart-Invitation': invitation,
    'Content-Type': 'application/json',
  }
  const body = JSON.stringify({ data: [{ type: 'account', id: accountId }] })
  const answered = await ask('POST', `/v2/carts/${cartId}/relationships/accounts`, headers, body)
  return answered.slice(0, 3)
}

async function newCart(): Promise<{ id: string; invitation: string }> {
  return JSON.parse((await ask('POST', '/carts')).slice(4))
}

describe('a cart service behind one host with cart-accounts', () => {
  it('opens the cart of nobody to a guest, and the cart of a shopper to that shopper alone', async () => {
    const { id, invitation } = await newCart()
    expect(await open(id, undefined, '["lamp"]')).toBe('200 ["lamp"]')
    expect(await open(id, 'owner')).toBe('404 Cart not found')

    expect(await signIn(id, 'owner', invitation)).toBe('200')

    expect(await open(id, 'owner')).toBe('200 ["lamp"]')
    expect(await open(id, 'stranger')).toBe('404 Cart not found')
    expect(await open(id)).toBe('404 Cart not found')
  })

  it('lets nobody claim a new cart by its id', async () => {
    const { id } = await newCart()

    expect(await signIn(id, 'stranger')).toBe('403')
  })

  it('removes a cart that is ordered: the account has it no more, and its contents are gone', async () => {
    const { id, invitation } = await newCart()
    await signIn(id, 'owner', invitation)
    await open(id, 'owner', '["mug"]')

    const headers = { 'X-Account-Id': 'owner' }
    expect(await ask('POST', `/v2/carts/${id}/checkout`, headers)).toBe('200 Ordered')

    expect(await open(id, 'owner')).toBe('404 Cart not found')
    expect(await open(id)).toBe('200 []')
  })

  it('answers 404 to an unsafe cart id', async () => {
    expect(await ask('GET', '/v2/carts/a.b/items')).toBe('404 Not found')
  })

  it('gives tokens and lists to cart-accounts', async () => {
    const body = `grant_type=implicit&client_id=${clientId}`
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

    expect(await ask('POST', '/oauth/access_token', form, body)).toMatch(/^200 .*"Bearer"/)
    expect(await ask('GET', '/v2/carts')).toMatch(/^401 /)
  })

  it('is shown in the README exactly as it is here', () => {
    const readme = readFileSync(path.join(projectRoot, 'README.md'), 'utf8')
    const source = readFileSync(path.join(import.meta.dirname, 'worker.ts'), 'utf8')

    expect(readme).toContain(source.slice(source.indexOf('export default')))
  })
})
