// Part of npm run check: the OpenAPI document, and the weight of the bundle as it would be uploaded.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { openApiDocument } from '../../openapi/document.ts'
import { CommandError, run } from '../lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../lib/directories.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { BUNDLE_LIMIT_KIB, build, bundleSize } from '../lib/wrangler.ts'

await run(async () => {
  stopAllAtTheEnd()
  const directory = temporaryDirectory('check')
  lintDocument(path.join(directory, 'openapi.json'))
  process.stdout.write('OpenAPI: Spectral reports nothing\n')
  await build(directory)
  const { kib, gzippedKib } = bundleSize(path.join(directory, 'app.js'))
  const sizes = `${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped`
  process.stdout.write(`Bundle: ${sizes} (limit ${BUNDLE_LIMIT_KIB} KiB)\n`)
  if (gzippedKib > BUNDLE_LIMIT_KIB) throw new CommandError('The bundle is over its limit')
})

/** @throws CommandError with all that Spectral remarks */
function lintDocument(file: string): void {
  writeFileSync(file, JSON.stringify(openApiDocument, null, 2))
  const spectral = path.join('node_modules', '@stoplight', 'spectral-cli', 'dist', 'index.js')
  const args = ['lint', file, '--ruleset', '.spectral.yaml', '--fail-severity', 'warn']
  const { status, stdout, stderr } = spawnSync(process.execPath, [spectral, ...args], {
    cwd: projectRoot,
    encoding: 'utf8',
  })
  if (status !== 0) throw new CommandError((stdout + stderr).trim())
}
