// Opens pages in the browser of this machine, fails the test for what no page may do, and takes a reader's steps on /docs.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, expect, inject } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'

export interface PageOptions {
  /** The page may send requests to this origin and to the Worker only. */
  url: string
  colorScheme?: 'light' | 'dark'
  width?: number
  height?: number
  /** Runs before the page's own scripts. */
  script?: string
}

const DEBIAN = '/usr/bin/chromium'
const file = process.env['CHROME_PATH'] || (existsSync(DEBIAN) && DEBIAN)
const browser = await chromium
  .launch({
    ...(file ? { executablePath: file } : { channel: 'chrome' }),
    args: [
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
      // Letters look alike in pictures from different machines.
      ...['--font-render-hinting=none', '--disable-lcd-text', '--force-color-profile=srgb'],
    ],
  })
  .catch((cause) => {
    const advice = 'install one (apt-get install chromium), or set CHROME_PATH to its file'
    throw new Error(`No browser starts: ${advice}`, { cause })
  })
const worker = inject('worker')
const problems: string[] = []
const refused: string[] = []

/** Returns the answers of 400 and above since the last call, as `401 GET /v2/carts`. */
export const refusals = () => refused.splice(0)

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  expect([...problems.splice(0), ...refusals()]).toEqual([])
})
afterAll(() => browser.close())

/**
 * Opens a page in a new browser context, as on a new device. The test fails for an error on its
 * console, for a request to a third host, and for a refusal that `refusals` did not return.
 */
export async function openPage({
  url,
  colorScheme = 'light',
  width = 1280,
  height = 800,
  script = '',
}: PageOptions): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: 2,
    colorScheme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  observe(context, [new URL(url).origin, new URL(worker.url).origin])
  await context.addInitScript(script)
  const page = await context.newPage()
  await page.goto(url)
  return page
}

function observe(context: BrowserContext, origins: string[]): void {
  const requireOrigin = (url: string) => {
    if (/^(data|blob):/.test(url)) return
    const { origin } = new URL(url.replace(/^ws/, 'http'))
    if (!origins.includes(origin)) problems.push(`asks another host: ${url}`)
  }
  context.on('request', (request) => requireOrigin(request.url()))
  context.on('page', (page) => {
    page.on('websocket', (socket) => requireOrigin(socket.url()))
    page.on('crash', () => problems.push('crashed'))
  })
  context.on('requestfailed', (request) => {
    problems.push(`failed: ${request.url()} ${request.failure()?.errorText}`)
  })
  context.on('response', (response) => {
    if (response.status() < 400) return
    const { pathname } = new URL(response.url())
    refused.push(`${response.status()} ${response.request().method()} ${pathname}`)
  })
  context.on('weberror', (error) => problems.push(String(error.error())))
  context.on('console', (message) => {
    // Chromium logs this for every refusal, which is counted above.
    if (message.text().startsWith('Failed to load resource: the server responded')) return
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
}

/** Expects that axe finds nothing, or nothing with these impacts. */
export async function checkAccessibility(page: Page, impacts?: readonly string[]): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const found = violations.filter(({ impact }) => impacts?.includes(impact ?? 'critical') ?? true)
  expect(found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([])
}

/** Writes what is in view to the picture `docs/<name>.png`. */
export async function screenshot(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0)
  await page.evaluate('document.activeElement.blur()')
  const file = path.join(projectRoot, 'docs', `${name}.png`)
  await page.screenshot({ path: file, animations: 'disabled', caret: 'hide' })
}

/** Opens the operation on /docs, and the form of its request. */
export async function tryOut(page: Page, id: string): Promise<Locator> {
  const opened = page.locator(`[id$="-${id}"].opblock`)
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
