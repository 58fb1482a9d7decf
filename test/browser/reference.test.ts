import { randomUUID } from 'node:crypto'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { newShopper, worker } from '../clients/worker.ts'
import { checkAccessibility, execute, openPage, refusals, screenshot, tryOut } from './pages.ts'

const url = new URL('/docs', worker.url).href
/** The impacts that keep somebody from using a page at all. */
const GRAVE = ['serious', 'critical']

describe('the reference', () => {
  it('shows every operation of the document', async () => {
    const page = await openPage({ url })
    const response = await fetch(new URL('/openapi.json', worker.url))
    const { paths } = Object(await response.json())
    const methods = new Set(['get', 'post', 'delete'])
    const promised = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(Object(item))
        .filter((key) => methods.has(key))
        .map((method) => `${method.toUpperCase()} ${path}`),
    )

    await page.locator('.opblock').first().waitFor()
    const shown = await page.locator('.opblock').all()
    const found = shown.map(async (each) => {
      const method = await each.locator('.opblock-summary-method').innerText()
      const path = await each.locator('.opblock-summary-path').getAttribute('data-path')
      return `${method} ${path}`
    })

    expect((await Promise.all(found)).toSorted()).toEqual(promised.toSorted())
  })

  it('fills in no token, and is refused without one', async () => {
    const page = await openPage({ url })
    await page.locator('.auth-wrapper > .authorize').click()
    const fields = page.locator('.auth-container').getByRole('textbox')

    expect(
      await fields.evaluateAll((each) => each.map((field) => Reflect.get(field, 'value'))),
    ).toEqual(['', '', '', ''])
    expect(await page.locator('#local').isVisible()).toBe(false)
    await page.getByText(`npx openapi-typescript ${worker.url}/openapi.json`).waitFor()

    await page.getByRole('button', { name: 'Close' }).first().click()
    const answer = await execute(await tryOut(page, 'getCarts'))
    expect(answer.status).toBe('401')
    expect(refusals()).toEqual(['401 GET /v2/carts'])
  })

  it('gets a token by a form, and with it associates a cart: 200, then 204, and lists it', async () => {
    const { accountId, accountToken } = await newShopper()
    const cartId = randomUUID()
    const page = await openPage({ url })

    const issuing = await tryOut(page, 'createAnAccessToken')
    const grant = { grant_type: 'implicit', client_id: worker.clientId }
    await issuing.getByRole('textbox', { name: 'Request body' }).fill(JSON.stringify(grant))
    const issued = await execute(issuing)
    const { access_token: accessToken, ...token } = JSON.parse(issued.body)
    await authorize(page, { accessToken, accountToken })

    const associating = await tryOut(page, 'createAccountCartAssociation')
    await associating.locator('[data-param-name="cartID"]').getByRole('textbox').fill(cartId)
    const body = JSON.stringify([{ type: 'account', id: accountId }])
    await associating.getByRole('textbox', { name: 'Request body' }).fill(body)
    const first = await execute(associating)
    const second = await execute(associating)
    const listed = await execute(await tryOut(page, 'getCarts'))

    expect(issued.status).toBe('200')
    expect(token).toMatchObject({ identifier: 'implicit', token_type: 'Bearer' })
    expect(first.status).toBe('200')
    expect(JSON.parse(first.body)).toEqual({ data: [{ type: 'account', id: accountId }] })
    expect(second.status).toBe('204')
    expect(listed.status).toBe('200')
    expect(JSON.parse(listed.body).data).toMatchObject([{ type: 'cart', id: cartId }])
  })

  // Leaves out lesser findings: Swagger UI's landmarks, and the order of its headings.
  it.each([{ colorScheme: 'light' }, { colorScheme: 'dark' }] as const)(
    'passes axe, with no serious or critical finding: $colorScheme',
    async (scheme) => {
      const page = await openPage({ url, ...scheme })
      await page.locator('.opblock').first().waitFor()
      await checkAccessibility(page, GRAVE)

      await page.locator('.auth-wrapper > .authorize').click()
      await checkAccessibility(page, GRAVE)

      await page.getByRole('button', { name: 'Close' }).first().click()
      await execute(await tryOut(page, 'getHealth'))
      await tryOut(page, 'createAccountCartAssociation')
      await checkAccessibility(page, GRAVE)
    },
  )

  it.each([
    { colorScheme: 'light', picture: 'reference' },
    { colorScheme: 'dark', picture: 'reference-dark' },
  ] as const)('is pictured: $colorScheme', async ({ colorScheme, picture }) => {
    const page = await openPage({ url, colorScheme, width: 1000, height: 880 })
    const opened = page.locator('[id$="-createAccountCartAssociation"].opblock')
    await opened.locator('.opblock-summary-control').click()
    await opened.locator('.responses-table').waitFor()
    await opened.evaluate((element) => element.scrollIntoView())

    await screenshot(page, picture)
  })
})

/** Enters tokens, each under the name of its security scheme. */
async function authorize(page: Page, tokens: Record<string, string>): Promise<void> {
  await page.locator('.auth-wrapper > .authorize').click()
  for (const [scheme, token] of Object.entries(tokens)) {
    const form = page.locator('.auth-container').filter({ hasText: scheme })
    await form.getByRole('textbox').fill(token)
    await form.getByRole('button', { name: 'Authorize' }).click()
  }
  await page.getByRole('button', { name: 'Close' }).first().click()
}
