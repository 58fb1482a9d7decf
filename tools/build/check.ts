// Part of npm run check: licences, and the build of the Worker with its assets; weighs the bundle as it would be uploaded.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { CommandError, run } from '../lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../lib/directories.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { BUNDLE_LIMIT_KIB, build, bundleSize } from '../lib/wrangler.ts'

/** Allowed for what is bundled into the Worker. */
const BUNDLED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']
/** Allowed besides for tools, which are run and never passed on. */
const TOOLS = [
  ...BUNDLED,
  ...['BlueOak-1.0.0', 'CC-BY-4.0', 'CC0-1.0', 'LGPL-3.0-or-later', 'MPL-2.0', 'Unlicense', 'Zlib'],
]
/** Tools whose package.json names no licence; the text beside it is that of MIT. */
const UNNAMED = ['node_modules/@epcc-sdk/sdks-shopper', 'node_modules/reserved']

interface LockedPackage {
  license?: string
  dev?: boolean
}

/** @throws CommandError naming each package whose licence is not allowed */
function checkLicences(): number {
  const text = readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8')
  const packages = Object.entries<LockedPackage>(JSON.parse(text).packages)
  const others = packages.filter(([at]) => at !== '')
  const refused = others.filter(
    ([at, { license = '', dev }]) =>
      !(dev && license === '' && UNNAMED.includes(at)) && !allows(dev ? TOOLS : BUNDLED, license),
  )
  if (refused.length === 0) return others.length
  const named = refused.map(([at, { license }]) => `${at} (${license ?? 'no licence'})`)
  throw new CommandError(`These licences are not allowed: ${named.join(', ')}`)
}

/** Reads an SPDX expression, in which AND binds more tightly than OR. */
function allows(allowed: readonly string[], license: string): boolean {
  const choices = license.replaceAll(/[()]/g, '').split(' OR ')
  return choices.some((choice) => choice.split(' AND ').every((each) => allowed.includes(each)))
}

await run(async () => {
  stopAllAtTheEnd()
  process.stdout.write(`Licences: ${checkLicences()} packages, all allowed\n`)
  const directory = temporaryDirectory('check')
  await build(directory)
  const { kib, gzippedKib } = bundleSize(path.join(directory, 'app.js'))
  const sizes = `${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped`
  process.stdout.write(`Bundle: ${sizes} (limit ${BUNDLE_LIMIT_KIB} KiB)\n`)
  if (gzippedKib > BUNDLE_LIMIT_KIB) throw new CommandError('The bundle is over its limit')
})
