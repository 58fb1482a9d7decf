// Part of npm run check: builds the Worker with its assets, and weighs the bundle as it would be uploaded.
import path from 'node:path'
import { CommandError, run } from '../lib/command-line.ts'
import { temporaryDirectory } from '../lib/directories.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { BUNDLE_LIMIT_KIB, build, bundleSize } from '../lib/wrangler.ts'

await run(async () => {
  stopAllAtTheEnd()
  const directory = temporaryDirectory('check')
  await build(directory)
  const { kib, gzippedKib } = bundleSize(path.join(directory, 'app.js'))
  const sizes = `${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped`
  process.stdout.write(`Bundle: ${sizes} (limit ${BUNDLE_LIMIT_KIB} KiB)\n`)
  if (gzippedKib > BUNDLE_LIMIT_KIB) throw new CommandError('The bundle is over its limit')
})
