// Takes the pictures in docs/, which the README shows.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { projectRoot } from '../../tools/lib/project-root.ts'

/** Writes what is in view to `docs/<name>.png`, unless the file is equal already. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const file = path.join(projectRoot, 'docs', `${name}.png`)
  await page.mouse.move(0, 0)
  const focused = page.locator(':focus')
  if ((await focused.count()) > 0) await focused.blur()
  const picture = await page.screenshot({ animations: 'disabled', caret: 'hide' })
  const last = await readFile(file).catch(() => undefined)
  if (last?.equals(picture) !== true) await writeFile(file, picture)
}
