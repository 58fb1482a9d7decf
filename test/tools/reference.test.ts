import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { openApiDocument } from '../../openapi/document.ts'
import { writeReference } from '../../tools/build/reference.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { build } from '../../tools/lib/wrangler.ts'
import { newDirectory } from './finished.ts'

const FILES = [
  '_headers',
  'docs.html',
  'docs/LICENSE',
  'docs/NOTICE',
  'docs/favicon-32x32.png',
  'docs/reference.css',
  'docs/reference.js',
  'docs/swagger-ui-bundle.js',
  'docs/swagger-ui-bundle.js.LICENSE.txt',
  'docs/swagger-ui.css',
  'docs/tokens.js',
  'openapi.json',
]

const filesIn = (assets: string): string[] =>
  globSync('**', { cwd: assets, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.relative(assets, path.join(parentPath, name)))
    .toSorted()

it('deploys the reference without tokens, and a playground neither there nor in the Worker', async () => {
  const directory = newDirectory()

  await build(directory)

  const assets = path.join(projectRoot, 'dist', 'assets')
  const read = (name: string) => readFileSync(path.join(assets, name), 'utf8')
  const texts = [readFileSync(path.join(directory, 'app.js'), 'utf8'), ...FILES.map(read)]
  expect(filesIn(assets)).toEqual(FILES)
  expect(read('docs/tokens.js')).toBe('export const tokens = {}\n')
  expect(JSON.parse(read('openapi.json'))).toEqual(openApiDocument)
  expect(texts.filter((text) => /playground/i.test(text))).toEqual([])
})

it('fills in tokens, leaves alone what is as it should be, and removes what is not its own', async () => {
  const directory = newDirectory()
  const other = path.join(directory, 'playground', 'main.js')
  const file = path.join(directory, 'docs', 'reference.js')
  mkdirSync(path.dirname(other))
  writeFileSync(other, 'mine')
  await writeReference(directory)
  const { ino } = statSync(file)

  await writeReference(directory, { accessToken: 'a' })

  expect(statSync(file).ino).toBe(ino)
  expect(filesIn(directory)).toEqual(FILES)
  expect(readFileSync(path.join(directory, 'docs', 'tokens.js'), 'utf8')).toBe(
    'export const tokens = {"accessToken":"a"}\n',
  )
})
