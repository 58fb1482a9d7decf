// Opens pages in one browser, and fails the test for what no page may do.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, expect, inject } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { startBrowser } from './chromium.ts'

export interface PageOptions {
  /** The page may send requests to this origin and to the Worker only. */
  url: string
  colorScheme?: 'light' | 'dark'
  width?: number
  height?: number
  /** Runs before the page's own scripts. */
  script?: string
}

export interface OpenedPage {
  page: Page
  /** Returns the answers of 400 and above since the last call, as `401 GET /v2/carts`. */
  refusals: () => string[]
  /** Returns the answers to CORS preflights since the last call, as `204 OPTIONS /v2/carts`. */
  preflights: () => string[]
}

interface Watch {
  context: BrowserContext
  problems: string[]
  refusals: string[]
}

const browser = await startBrowser()
const worker = inject('worker')
const watches: Watch[] = []

afterEach(async () => {
  const ended = watches.splice(0)
  await Promise.all(ended.map(({ context }) => context.close()))
  expect(ended.flatMap(({ problems }) => problems)).toEqual([])
  expect(ended.flatMap(({ refusals }) => refusals)).toEqual([])
})
afterAll(async () => {
  await browser.close()
})

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
}: PageOptions): Promise<OpenedPage> {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: 2,
    colorScheme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  const watch: Watch = { context, problems: [], refusals: [] }
  watches.push(watch)
  observe(watch, [new URL(url).origin, new URL(worker.url).origin])
  await context.addInitScript(script)
  const page = await context.newPage()
  const preflights = await observePreflights(context, page)
  await page.goto(url)
  return {
    page,
    refusals: () => watch.refusals.splice(0),
    preflights: () => preflights.splice(0),
  }
}

/** The impacts that keep somebody from using a page at all. */
export const GRAVE: readonly string[] = ['serious', 'critical']

/** Expects that axe finds nothing with these impacts. */
export async function checkAccessibility(
  page: Page,
  impacts: readonly string[] = ['minor', 'moderate', ...GRAVE],
): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const found = violations.filter(({ impact }) => impacts.includes(impact ?? 'critical'))
  expect(found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([])
}

/** Writes what is in view to the picture `docs/<name>.png`, unless the file is equal already. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const file = path.join(projectRoot, 'docs', `${name}.png`)
  await page.mouse.move(0, 0)
  const focused = page.locator(':focus')
  if ((await focused.count()) > 0) await focused.blur()
  const picture = await page.screenshot({ animations: 'disabled', caret: 'hide' })
  const last = await readFile(file).catch(() => undefined)
  if (last?.equals(picture) !== true) await writeFile(file, picture)
}

function observe({ context, problems, refusals }: Watch, origins: string[]): void {
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
    refusals.push(`${response.status()} ${response.request().method()} ${pathname}`)
  })
  context.on('weberror', (error) => problems.push(String(error.error())))
  context.on('console', (message) => {
    // Chromium logs this for every refusal, which is counted above.
    if (message.text().startsWith('Failed to load resource: the server responded')) return
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
}

/** Playwright does not report preflights; Chromium's protocol does. */
async function observePreflights(context: BrowserContext, page: Page): Promise<string[]> {
  const preflights: string[] = []
  const session = await context.newCDPSession(page)
  session.on('Network.responseReceived', ({ type, response: { status, url } }) => {
    if (type === 'Preflight') preflights.push(`${status} OPTIONS ${new URL(url).pathname}`)
  })
  await session.send('Network.enable')
  return preflights
}
