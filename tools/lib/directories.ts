// The directory of this checkout, and directories for as long as this process lives.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const directories = new Set<string>()

// One listener for all, since Node warns of more than ten.
process.once('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** Removed when this process ends, however it ends but by SIGKILL. */
export function temporaryDirectory(purpose: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), `cart-accounts-${purpose}-`))
  directories.add(directory)
  return directory
}

/** Commands find the files of this checkout from any working directory. */
export const projectRoot = path.resolve(import.meta.dirname, '../..')
