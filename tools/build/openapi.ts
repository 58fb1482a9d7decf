// npm run openapi: lints the OpenAPI document.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { openApiDocument } from '../../openapi/document.ts'
import { CommandError, run } from '../lib/command-line.ts'
import { exitCodeOf, onOutput, startNode, stopAllAtTheEnd } from '../lib/processes.ts'
import { projectRoot } from '../lib/project-root.ts'
import { temporaryDirectory } from '../lib/temporary-directory.ts'

const SPECTRAL = path.join(projectRoot, 'node_modules/@stoplight/spectral-cli/dist/index.js')

await run(async () => {
  stopAllAtTheEnd()
  const file = path.join(temporaryDirectory('openapi'), 'openapi.json')
  writeFileSync(file, JSON.stringify(openApiDocument, null, 2))
  const lint = ['lint', file, '--ruleset', path.join(projectRoot, '.spectral.yaml')]
  const child = startNode([SPECTRAL, ...lint, '--fail-severity', 'warn'], {}, projectRoot)
  const output: string[] = []
  onOutput(child, (text) => output.push(text))
  if ((await exitCodeOf(child)) !== 0) throw new CommandError(output.join('').trim())
  const operations = Object.values(openApiDocument.paths).flatMap((item) =>
    Object.keys(item).filter((key) => key !== 'parameters'),
  )
  process.stdout.write(`OpenAPI: ${operations.length} operations, nothing for Spectral to remark\n`)
})
