// Part of npm run check: licences, the OpenAPI document, and the weight of the bundle as it would be uploaded.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { openApiDocument } from '../../openapi/document.ts'
import { CommandError, run } from '../lib/command-line.ts'
import { exitCodeOf, onOutput, startNode, stopAllAtTheEnd } from '../lib/processes.ts'
import { projectRoot } from '../lib/project-root.ts'
import { temporaryDirectory } from '../lib/temporary-directory.ts'
import { BUNDLE_LIMIT_KIB, build, bundleSize } from '../lib/wrangler.ts'
import { checkLicences } from './licences.ts'

const SPECTRAL = path.join(projectRoot, 'node_modules/@stoplight/spectral-cli/dist/index.js')

await run(async () => {
  stopAllAtTheEnd()
  process.stdout.write(`Licences: ${checkLicences()} packages, all allowed\n`)
  const directory = temporaryDirectory('check')
  await lintDocument(path.join(directory, 'openapi.json'))
  process.stdout.write('OpenAPI: Spectral reports nothing\n')
  await build(directory)
  const { kib, gzippedKib } = bundleSize(path.join(directory, 'app.js'))
  const [size, gzipped] = [kib.toFixed(1), gzippedKib.toFixed(1)]
  process.stdout.write(
    `Bundle: ${size} KiB, ${gzipped} KiB gzipped (limit ${BUNDLE_LIMIT_KIB} KiB)\n`,
  )
  if (gzippedKib <= BUNDLE_LIMIT_KIB) return
  throw new CommandError(
    `The bundle is ${(gzippedKib - BUNDLE_LIMIT_KIB).toFixed(1)} KiB over its limit`,
  )
})

/** @throws CommandError with all that Spectral remarks */
async function lintDocument(file: string): Promise<void> {
  writeFileSync(file, JSON.stringify(openApiDocument, null, 2))
  const lint = ['lint', file, '--ruleset', path.join(projectRoot, '.spectral.yaml')]
  const child = startNode([SPECTRAL, ...lint, '--fail-severity', 'warn'], {}, projectRoot)
  const output: string[] = []
  onOutput(child, (text) => output.push(text))
  if ((await exitCodeOf(child)) !== 0) throw new CommandError(output.join('').trim())
}
