// Starts the browser of this machine: CHROME_PATH, else Debian's Chromium, else an installed Chrome.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const DEBIAN = '/usr/bin/chromium'

/** Starts it without a window, and without its background requests. */
export async function startBrowser(): Promise<Browser> {
  const file = process.env['CHROME_PATH'] || (existsSync(DEBIAN) && DEBIAN)
  return await chromium.launch({
    ...(file ? { executablePath: file } : { channel: 'chrome' }),
    args: [
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
      // Letters look alike in pictures from different machines.
      ...['--font-render-hinting=none', '--disable-lcd-text', '--force-color-profile=srgb'],
    ],
  })
}
