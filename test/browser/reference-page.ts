// Steps of a reader on /docs.
import type { Locator, Page } from 'playwright-core'

export function operation(page: Page, id: string): Locator {
  return page.locator(`[id$="-${id}"].opblock`)
}

/** Opens the operation and the form of its request. */
export async function tryOut(page: Page, id: string): Promise<Locator> {
  const opened = operation(page, id)
  await opened.locator('.opblock-summary-control').click()
  await opened.getByRole('button', { name: 'Try it out' }).click()
  return opened
}

/** Sends the request, and returns the status and the body of the answer. */
export async function execute(opened: Locator): Promise<{ status: string; body: string }> {
  const clear = opened.getByRole('button', { name: 'Clear' })
  if (await clear.isVisible()) await clear.click()
  await opened.getByRole('button', { name: 'Execute' }).click()
  const answer = opened.locator('.live-responses-table .response')
  const status = await answer.locator('.response-col_status').innerText()
  const [body = ''] = await answer.locator('.microlight').allInnerTexts()
  return { status: status.trim(), body }
}

/** Enters tokens, each under the name of its security scheme. */
export async function authorize(page: Page, tokens: Record<string, string>): Promise<void> {
  await page.locator('.auth-wrapper > .authorize').click()
  for (const [scheme, token] of Object.entries(tokens)) {
    const form = page.locator('.auth-container').filter({ hasText: scheme })
    await form.getByRole('textbox').fill(token)
    await form.getByRole('button', { name: 'Authorize' }).click()
  }
  await page.getByRole('button', { name: 'Close' }).first().click()
}
