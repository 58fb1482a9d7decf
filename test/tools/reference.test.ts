import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { openApiDocument } from '../../openapi/document.ts'
import { removeOthers, writeReference } from '../../tools/build/reference.ts'
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

let directory: string
beforeEach(() => {
  directory = newDirectory()
})

const filesIn = (assets: string): string[] =>
  globSync('**', { cwd: assets, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.relative(assets, path.join(parentPath, name)))
    .toSorted()

describe('the assets of a deployment', () => {
  it('are the reference without tokens, and neither they nor the Worker have a playground', async () => {
    await build(directory)

    const assets = path.join(projectRoot, 'dist', 'assets')
    const texts = [
      path.join(directory, 'app.js'),
      ...filesIn(assets).map((name) => path.join(assets, name)),
    ].map((file) => readFileSync(file, 'utf8'))
    expect(filesIn(assets)).toEqual(FILES)
    expect(readFileSync(path.join(assets, 'docs', 'tokens.js'), 'utf8')).toBe(
      'export const tokens = {}\n',
    )
    expect(JSON.parse(readFileSync(path.join(assets, 'openapi.json'), 'utf8'))).toEqual(
      openApiDocument,
    )
    expect(texts.filter((text) => /playground/i.test(text))).toEqual([])
  })
})

describe('writeReference', () => {
  it('fills in the tokens that it is given', async () => {
    await writeReference(directory, { accessToken: 'a' })

    expect(filesIn(directory)).toEqual(FILES)
    expect(readFileSync(path.join(directory, 'docs', 'tokens.js'), 'utf8')).toBe(
      'export const tokens = {"accessToken":"a"}\n',
    )
  })

  it('leaves alone what is as it should be, and what is not its own', async () => {
    const own = path.join(directory, 'docs', 'reference.js')
    const other = path.join(directory, 'playground', 'main.js')
    mkdirSync(path.dirname(other))
    writeFileSync(other, 'mine')
    await writeReference(directory)
    const { ino } = statSync(own)

    await writeReference(directory)
    expect(statSync(own).ino).toBe(ino)
    expect(filesIn(directory)).toEqual([...FILES, 'playground/main.js'])

    await removeOthers(directory)
    expect(filesIn(directory)).toEqual(FILES)
  })
})
