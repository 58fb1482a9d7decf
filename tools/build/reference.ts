// The assets of the Worker: the pages of /docs, with the tokens that they start with, and the OpenAPI document.
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { openApiDocument } from '../../openapi/document.ts'
import { projectRoot } from '../lib/directories.ts'

/** The tokens in "Authorize", named after the security schemes of the OpenAPI document. */
export interface ReferenceTokens {
  accessToken: string
  /** Undefined if a different issuer signs account tokens. */
  accountToken?: string
}

const PAGE = path.join(projectRoot, 'pages', 'docs')
const SWAGGER_UI = path.join(projectRoot, 'node_modules', 'swagger-ui-dist')

const OF_PAGE = ['reference.css', 'reference.js']
const OF_SWAGGER_UI = [
  ...['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'],
  ...['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt'],
]

/** The source of each file, by its path among the assets. */
const SOURCES = Object.fromEntries([
  ['docs.html', path.join(PAGE, 'docs.html')],
  ...OF_PAGE.map((name) => [`docs/${name}`, path.join(PAGE, name)]),
  ...OF_SWAGGER_UI.map((name) => [`docs/${name}`, path.join(SWAGGER_UI, name)]),
])

/** Sent with every asset: it may load and ask this origin, and no other. */
const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // Swagger UI's icons are in its style sheet.
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

/** Pages of every origin may read the OpenAPI document. A header is unset before it is set again. */
const OPENAPI_HEADERS = [
  '/openapi.json',
  '  ! Cross-Origin-Resource-Policy',
  '  Cross-Origin-Resource-Policy: cross-origin',
  '  Access-Control-Allow-Origin: *',
]

/**
 * Writes `/docs` and `/openapi.json` into a directory of assets, with the headers of every asset; other
 * files stay. Without tokens the reader types in their own.
 */
export async function writeReference(directory: string, tokens?: ReferenceTokens): Promise<void> {
  const headers = Object.entries(HEADERS).map(([name, value]) => `  ${name}: ${value}`)
  await writeFiles(directory, {
    ...(await readAll(SOURCES)),
    'docs/tokens.js': Buffer.from(`export const tokens = ${JSON.stringify(tokens ?? {})}\n`),
    'openapi.json': Buffer.from(JSON.stringify(openApiDocument)),
    _headers: Buffer.from(['/*', ...headers, ...OPENAPI_HEADERS, ''].join('\n')),
  })
}

/** Removes every other file from a directory of assets. */
export async function removeOthers(directory: string): Promise<void> {
  const own = new Set([...Object.keys(SOURCES), 'docs/tokens.js', 'openapi.json', '_headers'])
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  const others = files
    .map(({ parentPath, name }) => path.relative(directory, path.join(parentPath, name)))
    .filter((name) => !own.has(name.replaceAll(path.sep, '/')))
  await Promise.all(others.map((name) => rm(path.join(directory, name), { force: true })))
}

async function readAll(sources: Record<string, string>): Promise<Record<string, Buffer>> {
  const files = Object.entries(sources).map(
    async ([name, source]) => [name, await readFile(source)] as const,
  )
  return Object.fromEntries(await Promise.all(files))
}

/**
 * Replaces each file at once, so that nobody reads half of it. Skips a file that has not changed, since
 * `wrangler dev` restarts for a changed one.
 */
async function writeFiles(directory: string, files: Record<string, Buffer>): Promise<void> {
  await mkdir(path.dirname(directory), { recursive: true })
  const beside = await mkdtemp(`${directory}-`)
  try {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(directory, name)
      const written = await readFile(file).catch(() => undefined)
      if (written?.equals(content)) continue
      const whole = path.join(beside, path.basename(name))
      await writeFile(whole, content)
      await mkdir(path.dirname(file), { recursive: true })
      await rename(whole, file)
    }
  } finally {
    await rm(beside, { recursive: true })
  }
}
