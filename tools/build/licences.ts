// The licences of what npm installs, as the lock file has them.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { CommandError } from '../lib/command-line.ts'
import { projectRoot } from '../lib/project-root.ts'

/** Allowed for what is bundled into the Worker. */
const BUNDLED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']
/** Allowed besides for tools, which are run and never passed on. */
const TOOLS = [
  ...BUNDLED,
  ...['BlueOak-1.0.0', 'CC-BY-4.0', 'CC0-1.0', 'LGPL-3.0-or-later', 'MPL-2.0', 'Unlicense', 'Zlib'],
]
/** Tools whose package.json names no licence; the text beside it is that of MIT. */
const UNNAMED = ['node_modules/@epcc-sdk/sdks-shopper', 'node_modules/reserved']

const lockFile = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    packages: v.record(
      v.string(),
      v.object({ license: v.optional(v.string(), ''), dev: v.optional(v.boolean(), false) }),
    ),
  }),
)

/** @throws CommandError naming each package whose licence is not allowed */
export function checkLicences(): number {
  const text = readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8')
  const packages = Object.entries(v.parse(lockFile, text).packages).filter(([at]) => at !== '')
  const refused = packages.filter(
    ([at, { license, dev }]) =>
      !(dev && license === '' && UNNAMED.includes(at)) && !allows(dev ? TOOLS : BUNDLED, license),
  )
  if (refused.length === 0) return packages.length
  const named = refused.map(([at, { license }]) => `${at} (${license || 'no licence'})`)
  throw new CommandError(`These licences are not allowed: ${named.join(', ')}`)
}

/** Reads an SPDX expression, in which AND binds more tightly than OR. */
function allows(allowed: readonly string[], license: string): boolean {
  const choices = license.replaceAll(/[()]/g, '').split(' OR ')
  return choices.some((choice) => choice.split(' AND ').every((each) => allowed.includes(each)))
}
