// npm run bundle: builds the Worker as a deployment would, and weighs what would be uploaded.
import path from 'node:path'
import { CommandError, run } from '../lib/command-line.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { temporaryDirectory } from '../lib/temporary-directory.ts'
import { build } from '../lib/wrangler.ts'
import { BUNDLE_LIMIT_KIB, bundleSize } from './bundle-size.ts'

await run(async () => {
  stopAllAtTheEnd()
  const directory = temporaryDirectory('bundle')
  await build(directory)
  const { kib, gzippedKib } = bundleSize(path.join(directory, 'app.js'))
  process.stdout.write(
    `Bundle: ${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped (limit ${BUNDLE_LIMIT_KIB} KiB)\n`,
  )
  if (gzippedKib > BUNDLE_LIMIT_KIB) {
    throw new CommandError(
      `The bundle is ${(gzippedKib - BUNDLE_LIMIT_KIB).toFixed(1)} KiB over its limit`,
    )
  }
})
