import path from 'node:path'
import { context } from 'esbuild'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { forged, newShopper, type Shopper, worker } from '../clients/worker.ts'
import { openPage, refusals } from './pages.ts'

/** Serves the page and its script, bundled, on an origin of their own. */
const servedir = path.join(import.meta.dirname, 'storefront')
const storefront = await context({
  entryPoints: [path.join(servedir, 'storefront.js')],
  outdir: path.join(servedir, 'built'),
  bundle: true,
  write: false,
  format: 'esm',
  // The client imports it only without localStorage, which a browser has.
  external: ['node-localstorage'],
})
const { port } = await storefront.serve({ host: '127.0.0.1', port: 0, servedir })
afterAll(() => storefront.dispose())

/** Opens the storefront on a new device, with this shopper signed in. */
async function openStorefront({ accountId, accountToken }: Shopper): Promise<Page> {
  const { host } = new URL(worker.url)
  const settings = { host, clientId: worker.clientId, accountId, accountToken }
  return await openPage({ url: `http://127.0.0.1:${port}/#${new URLSearchParams(settings)}` })
}

/** Presses the button, and returns the status of the answer and what the client made of it. */
async function press(page: Page, name: string): Promise<{ status: number; shown: string }> {
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().includes('/v2/')),
    page.getByRole('button', { name }).click(),
  ])
  const shown = page.getByRole('status')
  await shown.filter({ hasText: /./ }).waitFor()
  return { status: answer.status(), shown: await shown.innerText() }
}

describe('a storefront on another origin', () => {
  it('keeps a cart, 200 and then 204, and finds it on another device', async () => {
    const shopper = await newShopper()
    const phone = await openStorefront(shopper)
    const laptop = await openStorefront(shopper)

    const first = await press(phone, 'Keep my cart')
    const second = await press(phone, 'Keep my cart')
    const listed = await press(laptop, 'Show my carts')

    expect(first.status).toBe(200)
    expect(JSON.parse(first.shown)).toEqual({ data: [{ type: 'account', id: shopper.accountId }] })
    expect(second).toEqual({ status: 204, shown: '{}' })
    expect(listed.status).toBe(200)
    const [cart, ...others] = JSON.parse(listed.shown).data
    expect(cart.relationships.accounts.data).toEqual([{ type: 'account', id: shopper.accountId }])
    expect(others).toEqual([])
  })

  it('can read the reason of a refusal', async () => {
    const { accountId, accountToken } = await newShopper()
    const page = await openStorefront({
      accountId,
      accountToken: forged(accountToken),
    })

    const { status, shown } = await press(page, 'Show my carts')

    expect(status).toBe(403)
    expect(JSON.parse(shown)).toEqual({
      errors: [
        { status: 403, title: 'Unable to validate account management authentication token' },
      ],
    })
    expect(refusals()).toEqual(['403 GET /v2/carts'])
  })
})
