import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startThrowawayPlayground } from '../playground/throwaway.ts'
import { stopAll } from '../scripts/processes.ts'
import { checkAccessibility, type OpenedPage, openPage, type PageOptions } from './pages.ts'
import { execute, tryOut } from './reference-page.ts'
import { screenshot } from './screenshot.ts'

let url: string
beforeAll(async () => {
  const playground = await startThrowawayPlayground()
  url = playground.url
}, 120_000)
afterAll(stopAll)

/** On a device of its own, and so with a cart that no account has. */
async function openPlayground(options: Partial<PageOptions> = {}): Promise<OpenedPage> {
  const opened = await openPage({ url, ...options })
  await opened.page.locator('#phone-sign-in').waitFor()
  return opened
}

/** Presses the buttons one after the other, each once the one before it has its answer. */
async function press(page: Page, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    await page.locator(`#${id}`).click()
    await untilIdle(page)
  }
}

async function untilIdle(page: Page): Promise<void> {
  await expect.poll(() => page.locator('[aria-busy=true]').count()).toBe(0)
}

/** What the last press has come to: the status, and what it means. */
async function outcomeOn(page: Page, who: string): Promise<string> {
  return await page.locator(`.${who} .outcome`).innerText()
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

/** The requests as they went over the wire: `Phone POST /oauth/access_token 200 OK`. */
async function requestsOn(page: Page): Promise<string[]> {
  const parts = page.locator('#requests summary')
  return await parts.evaluateAll((summaries) =>
    summaries.map((summary) =>
      [...summary.children]
        .filter(({ className }) => className !== 'ms')
        .map(({ textContent }) => textContent)
        .join(' '),
    ),
  )
}

const STORY = [
  ...['phone-add-lamp', 'phone-add-mug', 'phone-sign-in', 'laptop-sign-in'],
  ...['phone-keep', 'ben-take', 'phone-forget', 'laptop-refresh'],
]

/** Makes carts whose ids begin alike in every run, and not as those of another picture. */
const withIdsFrom = (first: number): string => `let next = ${first}
crypto.getRandomValues = (bytes) => bytes.fill(next++)`

describe('the playground', () => {
  it('shows the cart of the phone on the laptop, in a browser that knows nothing of the other', async () => {
    const { page: phone, refusals } = await openPlayground()
    const { page: laptop } = await openPlayground()

    await press(phone, 'phone-add-lamp', 'phone-add-mug', 'phone-add-mug', 'phone-sign-in')
    await press(laptop, 'laptop-sign-in')

    const cart = await cartOn(phone, 'phone')
    expect(cart).toMatchObject({
      lines: ['1 × Desk lamp €49.00', '2 × Clay mug €29.00'],
      keeper: 'Kept for Ada',
    })
    expect(await cartOn(laptop, 'laptop')).toEqual(cart)
    expect(await outcomeOn(laptop, 'laptop')).toContain('the same id, the same 3 items')
    const path = `/v2/carts/${cart.id}/relationships/accounts`
    expect((await requestsOn(phone)).slice(3)).toEqual([
      'Phone POST /oauth/access_token 200 OK',
      `Phone POST ${path} 200 OK`,
    ])
    expect(await requestsOn(laptop)).toEqual([
      'Laptop POST /oauth/access_token 200 OK',
      'Laptop GET /v2/carts 200 OK',
      `Laptop GET /playground/carts/${cart.id}/items 200 OK`,
    ])

    await press(phone, 'phone-keep')
    expect(await outcomeOn(phone, 'phone')).toMatch(/^204 No Content/)
    await press(phone, 'ben-take', 'ben-look')
    expect(refusals()).toEqual([`403 POST ${path}`, `404 GET /v2/carts/${cart.id}`])
    expect(await outcomeOn(phone, 'stranger')).toMatch(/^404 Not Found/)

    await press(phone, 'phone-forget')
    await press(laptop, 'laptop-refresh')
    expect(await outcomeOn(phone, 'phone')).toMatch(/^204 No Content/)
    expect((await cartOn(laptop, 'laptop')).id).not.toBe(cart.id)
  })

  it('is used with the keyboard alone, and the focus stays where it is', async () => {
    const { page, refusals } = await openPlayground({ width: 360 })
    const ids: (string | null)[] = []
    for (const id of STORY) {
      await page.locator(`#${id}`).focus()
      await page.keyboard.press('Enter')
      await untilIdle(page)
      ids.push(await page.evaluate('document.activeElement.id'))
    }

    expect(ids).toEqual(STORY)
    expect(await page.locator('.steps .done').count()).toBe(6)
    expect(refusals()).toHaveLength(1)
  })

  it.each([360, 768, 1280])('moves nothing, and fits, at %i px', async (width) => {
    const { page, refusals } = await openPlayground({ width })
    const shifts = `new Promise((resolve) =>
      new PerformanceObserver((list) =>
        resolve(list.getEntries().reduce((sum, { value }) => sum + value, 0))
      ).observe({ type: 'layout-shift', buffered: true }))`

    await press(page, ...STORY)

    expect(await page.evaluate(shifts)).toBeLessThan(0.02)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThan(1)
    expect(refusals()).toHaveLength(1)
  })

  it.each(
    [360, 768, 1280].flatMap((width) =>
      (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
    ),
  )('has nothing that axe finds: $colorScheme, $width px', async (options) => {
    const { page, refusals } = await openPlayground(options)
    await checkAccessibility(page)

    await press(page, ...STORY)
    await page.locator('#requests summary').last().click()

    await checkAccessibility(page)
    expect(refusals()).toHaveLength(1)
  })

  it('copies a request with its whole tokens, of which it shows the ends', async () => {
    const { page } = await openPlayground()
    await press(page, 'phone-add-lamp', 'phone-sign-in')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])

    await page.locator('.phone .outcome a').click()
    const request = page.locator('#requests details').last()
    await request.locator('summary').click()
    await request.getByRole('button', { name: 'Copy as curl' }).click()

    await request.getByText('Copied as curl').waitFor()
    const copied = await page.evaluate('navigator.clipboard.readText()')
    expect(copied).toMatch(/Authorization: Bearer eyJ[\w-]+\.[\w-]+\.[\w-]{80,}/)
    expect(await request.locator('pre').first().innerText()).toMatch(
      /Authorization: Bearer eyJ[\w-]{5}…[\w-]{3}\n/,
    )
  })

  it('goes on where it was after a reload, and starts over when told to', async () => {
    const { page } = await openPlayground()
    await press(page, 'phone-add-plant', 'phone-sign-in')
    const cart = await cartOn(page, 'phone')

    await page.reload()
    await page.locator('#phone-sign-in').waitFor()
    await untilIdle(page)
    expect(await cartOn(page, 'phone')).toEqual(cart)

    await page.getByRole('button', { name: 'Start over' }).click()
    await untilIdle(page)
    const fresh = await cartOn(page, 'phone')
    expect(fresh).toMatchObject({ lines: ['Nothing in it yet'], keeper: 'Of no account' })
    expect(fresh.id).not.toBe(cart.id)
    expect(await page.locator('.steps .done').count()).toBe(0)
  })

  it('renews an access token that is refused, and sends the request again', async () => {
    const { page, refusals } = await openPlayground()
    await press(page, 'phone-add-plant', 'phone-sign-in')
    await page.evaluate(`{
      const memory = JSON.parse(sessionStorage.getItem('playground:phone'))
      memory.accessToken = memory.accessToken.replace(/.{8}$/, 'AAAAAAAA')
      sessionStorage.setItem('playground:phone', JSON.stringify(memory))
    }`)

    await page.reload()
    await page.locator('#phone-sign-in').waitFor()
    await untilIdle(page)

    const { id, lines } = await cartOn(page, 'phone')
    expect(lines).toEqual(['1 × Potted fern €19.00'])
    expect(refusals()).toEqual([`401 GET /playground/carts/${id}/items`])
  })

  it('has the tokens and the example ready in the reference: 200, then 204', async () => {
    const { page } = await openPage({ url: `${url}/docs` })

    const associating = await tryOut(page, 'createAccountCartAssociation')
    const first = await execute(associating)
    const second = await execute(associating)

    expect([first.status, second.status]).toEqual(['200', '204'])
  })

  it.each([
    { colorScheme: 'light', picture: 'playground', first: 0x5e },
    { colorScheme: 'dark', picture: 'playground-dark', first: 0x7a },
  ] as const)('is pictured: $colorScheme', async ({ colorScheme, picture, first }) => {
    const size = { width: 1200, height: 1100 }
    const script = withIdsFrom(first)
    const { page, refusals } = await openPlayground({ colorScheme, ...size, script })

    await press(page, 'phone-add-lamp', 'phone-add-mug', 'phone-sign-in', 'laptop-sign-in')
    await press(page, 'phone-keep', 'ben-take')

    await screenshot(page, picture)
    expect(refusals()).toHaveLength(1)
    await press(page, 'phone-forget')
  })
})
