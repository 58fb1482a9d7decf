// npm run bundle: builds the Worker as a deployment would, and weighs what would be uploaded.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { CommandError, run } from './command-line.ts'
import { build } from './wrangler.ts'

const LIMIT_KIB = 40

await run(async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-bundle-'))
  try {
    await build(directory)
    const bundle = readFileSync(path.join(directory, 'app.js'))
    const [kib, gzippedKib] = [bundle.length / 1024, gzipSync(bundle).length / 1024]
    process.stdout.write(
      `Bundle: ${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped (limit ${LIMIT_KIB} KiB)\n`,
    )
    if (gzippedKib > LIMIT_KIB) {
      throw new CommandError(
        `The bundle is ${(gzippedKib - LIMIT_KIB).toFixed(1)} KiB over its limit`,
      )
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
