// npm run bundle: builds the Worker as a deployment would, and weighs what would be uploaded.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { CommandError, run } from './command-line.ts'
import { stopAllAtTheEnd } from './processes.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { build } from './wrangler.ts'

const LIMIT_KIB = 44

await run(async () => {
  stopAllAtTheEnd()
  const directory = temporaryDirectory('bundle')
  await build(directory)
  const bundle = readFileSync(path.join(directory, 'app.js'))
  const kib = bundle.length / 1024
  const gzippedKib = gzipSync(bundle).length / 1024
  process.stdout.write(
    `Bundle: ${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped (limit ${LIMIT_KIB} KiB)\n`,
  )
  if (gzippedKib > LIMIT_KIB) {
    throw new CommandError(
      `The bundle is ${(gzippedKib - LIMIT_KIB).toFixed(1)} KiB over its limit`,
    )
  }
})
