// A directory for as long as this process lives.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Removed when this process ends, however it ends but by SIGKILL. */
export function temporaryDirectory(purpose: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), `cart-accounts-${purpose}-`))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
