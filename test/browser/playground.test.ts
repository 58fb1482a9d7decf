import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { ACCOUNT } from '../../openapi/examples.ts'
import { shortenIds } from '../../pages/playground/page/exchange.ts'
import { checkAccessibility, openPage, screenshot } from './pages.ts'
import { servePlayground } from './playground.ts'
import { execute, tryOut } from './reference-page.ts'

/** A script that makes the cart ids of a picture: equal in every run, unlike the next picture's. */
const withIdsFrom = (first: number): string => `let next = ${first}
crypto.getRandomValues = (bytes) => bytes.fill(next++)`

const playgroundUrl = servePlayground()

/** Presses a button when it is enabled, and waits for the outcome. */
async function press(page: Page, id: string): Promise<void> {
  await page.locator(`#${id}:not([aria-disabled=true])`).click()
  await page.locator('section[aria-busy=true]').waitFor({ state: 'detached' })
}

/** Reads the requests to cart-accounts from the page, oldest first: who, method, path, status. */
async function wireOf(page: Page): Promise<string[]> {
  const rows = await page.locator('#requests details:not(.aside) summary').all()
  const texts = rows.map(async (row) => {
    const cells = ['.by', '.method', '.target', '.result']
    const words = await Promise.all(cells.map((cell) => row.locator(cell).innerText()))
    return words.join(' ')
  })
  return (await Promise.all(texts)).toReversed()
}

describe('the playground', () => {
  it('plays its whole story, with phone and laptop in two browsers', async () => {
    const { page: phone, refusals } = await openPage({ url: playgroundUrl() })
    const { page: laptop } = await openPage({ url: playgroundUrl() })
    const pathOf = async () => {
      const id = await phone.locator('.phone .id code').getAttribute('title')
      return `/v2/carts/${id}/relationships/accounts`
    }

    await press(phone, 'phone-add-lamp')
    await press(phone, 'phone-sign-in')
    await phone.getByText('Kept for Ada').first().waitFor()
    await press(laptop, 'laptop-sign-in')
    await laptop.locator('.laptop').getByText('1 × ').waitFor()
    await press(phone, 'phone-keep')
    const path = await pathOf()
    await press(phone, 'ben-take')
    await phone.locator('.stranger a').waitFor()
    await press(phone, 'phone-forget')
    await phone.locator('.phone').getByText('Guest cart').waitFor()

    const shown = shortenIds(path)
    expect(await wireOf(phone)).toEqual([
      'Phone POST /oauth/access_token 200 OK',
      `Phone POST ${shown} 200 OK`,
      'Phone GET /v2/carts 200 OK',
      `Phone POST ${shown} 204 No Content`,
      'Ben POST /oauth/access_token 200 OK',
      `Ben POST ${shown} 403 Forbidden`,
      `Phone DELETE ${shown} 204 No Content`,
    ])
    expect(await wireOf(laptop)).toEqual([
      'Laptop POST /oauth/access_token 200 OK',
      expect.stringMatching(/^Laptop GET \/v2\/carts\S* 200 OK$/),
    ])
    expect(refusals()).toEqual([`403 POST ${path}`])
  })

  it.each([
    { colorScheme: 'light', picture: 'playground', first: 0x5e },
    { colorScheme: 'dark', picture: 'playground-dark', first: 0x7a },
  ] as const)('is pictured: $colorScheme', async ({ colorScheme, picture, first }) => {
    const { page } = await openPage({
      url: playgroundUrl(),
      colorScheme,
      script: withIdsFrom(first),
    })
    await press(page, 'phone-add-lamp')
    await press(page, 'phone-add-mug')
    await press(page, 'phone-sign-in')
    await press(page, 'laptop-sign-in')
    await press(page, 'phone-keep')

    await screenshot(page, picture)
    await press(page, 'phone-forget')
  })

  it('fills in the tokens and the example on /docs, says whose, and leads back: 200, then 204', async () => {
    const { page } = await openPage({ url: new URL('/docs', playgroundUrl()).href })

    await page.getByText(`of a shopper with the account ${ACCOUNT}, in the store demo`).waitFor()
    const heightOf = () => page.evaluate('document.documentElement.scrollHeight').then(Number)
    const before = await heightOf()
    const associating = await tryOut(page, 'createAccountCartAssociation')
    expect((await heightOf()) - before).toBeLessThan(2_500)
    const first = await execute(associating)
    const second = await execute(associating)

    expect([first.status, second.status]).toEqual(['200', '204'])
    await page.getByText('Back to the two devices').click()
    await page.locator('#phone-sign-in').waitFor()
  })

  it.each([
    { colorScheme: 'light', width: 1280 },
    { colorScheme: 'dark', width: 1280 },
    { colorScheme: 'light', width: 768 },
    { colorScheme: 'dark', width: 768 },
    { colorScheme: 'light', width: 360 },
    { colorScheme: 'dark', width: 360 },
  ] as const)('passes axe: $colorScheme, $width px', async (look) => {
    const { page } = await openPage({ url: playgroundUrl(), ...look })
    await press(page, 'phone-add-lamp')
    await press(page, 'phone-sign-in')
    await press(page, 'laptop-add-mug')
    await press(page, 'laptop-sign-in')
    await press(page, 'laptop-ask')
    await checkAccessibility(page)

    await page.locator('#requests summary').first().click()
    await checkAccessibility(page)
    await page.locator('#requests summary').first().click()

    // Leaves no cart to the next test, whose shopper is the same.
    await page.getByRole('button', { name: 'Start over' }).click()
    await page.locator('.laptop .lines .empty').waitFor()
    await checkAccessibility(page)
  })
})
