// A file of secrets, as wrangler deploy --secrets-file takes it: JSON, or lines NAME=value.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { badArgument } from '../lib/command-line.ts'

export interface SecretsFile {
  path: string
  values: Record<string, string>
}

const json = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()))

/** @throws CommandError where it cannot be read, or names no secret */
export function readSecretsFile(file: string): SecretsFile {
  const absolute = path.resolve(file)
  const values = parse(read(absolute, file))
  if (Object.keys(values).length > 0) return { path: absolute, values }
  throw badArgument(`--secrets-file must name a file of NAME=value lines, or JSON: ${file}`)
}

function read(absolute: string, file: string): string {
  try {
    return readFileSync(absolute, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    throw badArgument(`--secrets-file names a file that cannot be read: ${file}${code}`)
  }
}

function parse(text: string): Record<string, string> {
  const result = v.safeParse(json, text)
  return result.success ? result.output : v.parse(v.record(v.string(), v.string()), parseEnv(text))
}
