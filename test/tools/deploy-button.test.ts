import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { readEnvironments } from '../../tools/lib/wrangler-toml.ts'

const read = (name: string): string => readFileSync(path.join(projectRoot, name), 'utf8')

const described = v.parse(
  v.pipe(
    v.string(),
    v.parseJson(),
    v.object({
      scripts: v.object({ deploy: v.string() }),
      cloudflare: v.object({
        bindings: v.record(
          v.string(),
          v.object({ description: v.pipe(v.string(), v.minLength(20)) }),
        ),
      }),
    }),
  ),
  read('package.json'),
).cloudflare.bindings

/** Every member of the interface; DB_1 and so on are not among them. */
const declared = [...read('src/bindings.ts').matchAll(/^ {2}([A-Z_]+)(\??): (\w+)$/gm)].map(
  ([, name = '', , type]) => ({ name, type }),
)

const example = read('.dev.vars.example')

describe('the Deploy to Cloudflare button', () => {
  it('describes each setting of the Worker, and nothing else', () => {
    expect(declared.length).toBeGreaterThan(10)
    expect(Object.keys(described).toSorted()).toEqual(declared.map(({ name }) => name).toSorted())
  })

  it('describes whatever it can ask for', () => {
    const [top] = readEnvironments()
    const asked = [...(top?.bindings ?? []), ...Object.keys(parseEnv(example))]

    expect(asked.filter((name) => described[name] === undefined)).toEqual([])
  })

  it('asks for one secret and no more, since it makes each line one that must be given', () => {
    expect(parseEnv(example)).toEqual({ AUTH_SIGNING_JWK: '' })
  })
})

describe('.dev.vars.example', () => {
  it('names each setting that is a text, with a comment before it', () => {
    const texts = declared.filter(({ type }) => type === 'string').map(({ name }) => name)
    const named = [...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name)

    expect(named.toSorted()).toEqual(texts.toSorted())
    for (const paragraph of example.trim().split('\n\n')) expect(paragraph).toMatch(/^# \S+ /)
  })

  it('holds nothing that could be taken for a secret', () => {
    expect(example).not.toMatch(/"(?:d|k|kty)"/)
  })
})
