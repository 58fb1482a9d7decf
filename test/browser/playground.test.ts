import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCOUNT } from '../../openapi/examples.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { newDirectory } from '../tools/finished.ts'
import {
  checkAccessibility,
  execute,
  openPage,
  type PageOptions,
  refusals,
  screenshot,
  tryOut,
} from './pages.ts'
import { startThrowawayPlayground } from './playground.ts'

let url: string
beforeAll(async () => {
  const playground = await startThrowawayPlayground(newDirectory())
  url = playground.url
}, 120_000)
afterAll(stopAll)

/** Opens it on a new device, and so with a cart that no account has. */
async function openPlayground(options: Partial<PageOptions> = {}): Promise<Page> {
  const page = await openPage({ url, ...options })
  await page.locator('#phone-sign-in').waitFor()
  // The shopper of all tests is the same: carts of the last one would stand in the way.
  await startOver(page)
  return page
}

async function startOver(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start over' }).click()
  await untilIdle(page)
}

async function reload(page: Page): Promise<void> {
  await page.reload()
  await page.locator('#phone-sign-in').waitFor()
  await untilIdle(page)
}

/** Presses the buttons in turn, and waits for each answer. */
async function press(page: Page, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    await page.locator(`#${id}`).click()
    await untilIdle(page)
  }
}

async function untilIdle(page: Page): Promise<void> {
  await expect.poll(() => page.locator('[aria-busy=true]').count()).toBe(0)
}

async function cartOn(page: Page, device: string) {
  const cart = page.locator(`.${device} .cart`)
  const lines = await cart.locator('.lines li').allInnerTexts()
  return {
    id: await cart.locator('code').getAttribute('title'),
    lines: lines.map((line) => line.replaceAll(/\s+/g, ' ')).filter((line) => line !== ''),
    keeper: await cart.locator('.keeper').innerText(),
  }
}

const STORY = [
  ...['phone-add-lamp', 'phone-add-mug', 'phone-sign-in', 'laptop-sign-in'],
  // Signs out, and in again with another cart.
  ...['phone-keep', 'ben-take', 'laptop-sign-in', 'laptop-add-mug', 'laptop-sign-in'],
  ...['laptop-merge', 'laptop-forget', 'phone-refresh'],
]

/** Whether the button, or the newest request, is in view with nothing over it. */
async function isSeen(page: Page, selector: string): Promise<boolean> {
  return await page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { x, y, width, height } = element.getBoundingClientRect()
      const found = element.ownerDocument.elementFromPoint(x + width / 2, y + height / 2)
      return found !== null && element.contains(found)
    })
}

describe('the playground', () => {
  it.each([
    { width: 360, height: 740 },
    { width: 1280, height: 800 },
  ])(
    'works with the keyboard alone, each request in view, the focus where it is: $width px',
    async (size) => {
      const page = await openPlayground(size)
      // Empties the list of requests.
      await reload(page)
      const ids: (string | null)[] = []
      for (const id of STORY) {
        await page.locator(`#${id}`).focus()
        await page.keyboard.press('Enter')
        await untilIdle(page)
        ids.push(await page.evaluate('document.activeElement.id'))
        expect([id, await isSeen(page, '#requests summary')]).toEqual([id, true])
      }

      // The choice closes, and leaves the focus beside it.
      expect(ids).toEqual(STORY.map((id) => (id === 'laptop-merge' ? 'laptop-refresh' : id)))
      expect(await page.locator('.steps .done').count()).toBe(8)
      await page.getByText('Now in your shop').waitFor()
      for (const link of await page.locator('.end a').all()) {
        const { href } = await link.evaluate((found) => ({ href: Reflect.get(found, 'href') }))
        expect((await fetch(href)).status).toBe(200)
      }
      expect(refusals()).toHaveLength(1)
      const wire = await page.locator('#requests details:not(.aside) summary').allInnerTexts()
      const shown = wire.map((row) => row.replaceAll(/\s+/g, ' ').replace(/\w{8}…/, '…'))
      expect(shown.toReversed()).toEqual([
        'Phone POST 200 OK /oauth/access_token',
        'Phone POST 200 OK /v2/carts/…/relationships/accounts',
        'Phone GET 200 OK /v2/carts',
        'Laptop POST 200 OK /oauth/access_token',
        'Laptop GET 200 OK /v2/carts',
        'Phone POST 204 No Content /v2/carts/…/relationships/accounts',
        'Ben POST 200 OK /oauth/access_token',
        'Ben POST 403 Forbidden /v2/carts/…/relationships/accounts',
        'Laptop POST 200 OK /v2/carts/…/relationships/accounts',
        'Laptop GET 200 OK /v2/carts',
        'Laptop DELETE 204 No Content /v2/carts/…/relationships/accounts',
        'Laptop DELETE 204 No Content /v2/carts/…/relationships/accounts',
        'Phone GET 200 OK /v2/carts',
      ])
    },
  )

  it.each([360, 768, 1280])('moves nothing, and fits, at %i px', async (width) => {
    const page = await openPlayground({ width })
    const shifts = `new Promise((resolve) => {
      let sum = 0
      new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) sum += value
      }).observe({ type: 'layout-shift', buffered: true })
      setTimeout(() => resolve(sum), 200)
    })`

    // A request pushes older ones down in their strip. Nothing else may move.
    await page.evaluate("document.getElementById('requests').style.visibility = 'hidden'")
    await press(page, ...STORY)

    expect(await page.evaluate(shifts)).toBeLessThan(0.02)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThan(1)
    expect(refusals()).toHaveLength(1)
  })

  it('shows the first two steps without scrolling, and all steps in one row', async () => {
    const page = await openPlayground()
    for (const id of ['phone-add-lamp', 'phone-sign-in']) {
      expect([id, await isSeen(page, `#${id}`)]).toEqual([id, true])
    }
    await page.setViewportSize({ width: 360, height: 740 })
    const rows = await page
      .locator('.steps li')
      .evaluateAll((each) =>
        each.map((step) => step.getBoundingClientRect()).map(({ y, height }) => y + height / 2),
      )
    expect(new Set(rows.map(Math.round)).size).toBe(1)
  })

  it.each([
    { policy: 'newest', kept: ['Clay mug'], words: 'has 2 carts, and used last' },
    { policy: 'merge', kept: ['Desk lamp', 'Clay mug'], words: 'has one cart' },
    { policy: 'ask', kept: ['Desk lamp'], words: 'has 2 carts, and used last' },
  ])('leaves it to the shop what two carts become: $policy', async ({ policy, kept, words }) => {
    const page = await openPlayground()
    const names = async (device: string) =>
      (await cartOn(page, device)).lines.map((line) => line.replace(/^1 × | €.*$/g, ''))
    await press(page, 'phone-add-lamp', 'phone-sign-in', 'laptop-add-mug', 'laptop-sign-in')
    // A reload does not choose.
    await reload(page)
    const offered = await page.locator('.laptop .choice li').allInnerTexts()
    expect(offered.map((row) => row.replaceAll(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/^\w{8}… 1 × Clay mug/),
      expect.stringMatching(/^\w{8}… 1 × Desk lamp/),
    ])

    await press(page, `laptop-${policy}`)
    if (policy === 'ask') await page.locator('.laptop .pick').last().click()
    await untilIdle(page)
    expect(await names('laptop')).toEqual(kept)

    // Every device opens the first of the list.
    await press(page, 'phone-refresh')
    expect(await names('phone')).toEqual(kept)
    expect((await cartOn(page, 'phone')).id).toBe((await cartOn(page, 'laptop')).id)
    await page.locator('.phone .outcome').getByText(words).waitFor()
  })

  it('copies a request with its whole tokens, and shows them shortened', async () => {
    const page = await openPlayground()
    await press(page, 'phone-add-lamp', 'phone-sign-in')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])

    await page.locator('.phone .outcome a').click()
    const request = page.locator('#requests details').nth(1)
    await request.locator('summary').click()
    await request.getByRole('button', { name: 'Copy as curl' }).click()

    await request.getByText('Copied as curl').waitFor()
    const copied = await page.evaluate('navigator.clipboard.readText()')
    expect(copied).toMatch(/Authorization: Bearer eyJ[\w-]+\.[\w-]+\.[\w-]{80,}/)
    expect(await request.locator('pre').nth(1).innerText()).toMatch(
      /Authorization: Bearer eyJ[\w-]{5}…[\w-]{3}\n/,
    )
  })

  it('continues after a reload, renews a refused access token, and starts over at a press', async () => {
    const page = await openPlayground()
    await press(page, 'phone-add-plant', 'phone-sign-in')
    const cart = await cartOn(page, 'phone')
    await page.evaluate(`{
      const memory = JSON.parse(sessionStorage.getItem('playground:Phone'))
      memory.accessToken = memory.accessToken.replace(/.{8}$/, 'AAAAAAAA')
      sessionStorage.setItem('playground:Phone', JSON.stringify(memory))
    }`)

    await reload(page)
    expect(cart.lines).toEqual(['1 × Potted fern €19.00'])
    expect(await cartOn(page, 'phone')).toEqual(cart)
    expect(refusals()).toEqual([`401 GET /playground/carts/${cart.id}/items`])
    await page.locator('.phone .outcome').getByText('this tab still knows its cart').waitFor()

    await startOver(page)
    const fresh = await cartOn(page, 'phone')
    expect(fresh).toMatchObject({ lines: ['Nothing in it yet'], keeper: 'Guest cart' })
    expect(fresh.id).not.toBe(cart.id)
    expect(await page.locator('.steps .done').count()).toBe(0)
  })

  it.each([
    { colorScheme: 'light', picture: 'playground', first: 0x5e },
    { colorScheme: 'dark', picture: 'playground-dark', first: 0x7a },
  ] as const)('is pictured: $colorScheme', async ({ colorScheme, picture, first }) => {
    // The cart ids are equal in every run, and unlike the next picture's.
    const script = `let next = ${first}
    crypto.getRandomValues = (bytes) => bytes.fill(next++)`
    const page = await openPage({ url, colorScheme, script })
    await press(page, 'phone-add-lamp', 'phone-add-mug', 'phone-sign-in')
    await press(page, 'laptop-sign-in', 'phone-keep')

    await screenshot(page, picture)
    await press(page, 'phone-forget')
  })

  it('fills in the tokens and the example on /docs, says whose, and leads back: 200, then 204', async () => {
    const page = await openPage({ url: new URL('/docs', url).href })

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
    const page = await openPlayground(look)
    await press(page, 'phone-add-lamp', 'phone-sign-in', 'laptop-add-mug', 'laptop-sign-in')
    await press(page, 'laptop-ask')
    await checkAccessibility(page)

    await page.locator('#requests summary').first().click()
    await checkAccessibility(page)

    await page.locator('#requests summary').first().click()
    await startOver(page)
    await checkAccessibility(page)
  })
})
