import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { type OpenedPage, openPage, type PageOptions } from './pages.ts'
import { servePlayground } from './playground.ts'

const playgroundUrl = servePlayground()

/** Opens it on a new device, and so with a cart that no account has. */
async function openPlayground(options: Partial<PageOptions> = {}): Promise<OpenedPage> {
  const opened = await openPage({ url: playgroundUrl(), ...options })
  await opened.page.locator('#phone-sign-in').waitFor()
  return opened
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
  ...['phone-keep', 'ben-take', 'phone-forget', 'laptop-refresh'],
]

describe('the page of the playground', () => {
  it('works with the keyboard alone, and keeps the focus where it is', async () => {
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
    const shifts = `new Promise((resolve) => {
      let sum = 0
      new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) sum += value
      }).observe({ type: 'layout-shift', buffered: true })
      setTimeout(() => resolve(sum), 200)
    })`

    await press(page, ...STORY)

    expect(await page.evaluate(shifts)).toBeLessThan(0.02)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThan(1)
    expect(refusals()).toHaveLength(1)
  })

  it('copies a request with its whole tokens, and shows them shortened', async () => {
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

  it('continues after a reload, and starts over at a press of the button', async () => {
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
})
