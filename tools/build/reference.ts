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

/** The directory that each file of /docs is copied from. */
const SOURCES = {
  'pages/docs': ['docs.html', 'reference.css', 'reference.js'],
  'node_modules/swagger-ui-dist': [
    ...['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'],
    ...['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt'],
  ],
}

/** Sent with every asset: it may load and ask this origin, and no other. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Swagger UI's icons are in its style sheet.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
]

/** Pages of every origin may read the OpenAPI document. A header is unset before it is set again. */
const HEADERS = `/*
  Content-Security-Policy: ${POLICY.join('; ')}
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Resource-Policy: same-origin
  Referrer-Policy: no-referrer
  Strict-Transport-Security: max-age=31536000; includeSubDomains
  X-Content-Type-Options: nosniff
  X-Frame-Options: DENY
/openapi.json
  ! Cross-Origin-Resource-Policy
  Cross-Origin-Resource-Policy: cross-origin
  Access-Control-Allow-Origin: *
`

/**
 * Writes `/docs` and `/openapi.json` into a directory of assets, with the headers of every asset, and removes
 * all other files. Without tokens the reader types in their own.
 */
export async function writeReference(directory: string, tokens?: ReferenceTokens): Promise<void> {
  const files = new Map([
    ['docs/tokens.js', Buffer.from(`export const tokens = ${JSON.stringify(tokens ?? {})}\n`)],
    ['openapi.json', Buffer.from(JSON.stringify(openApiDocument))],
    ['_headers', Buffer.from(HEADERS)],
  ])
  for (const [source, names] of Object.entries(SOURCES)) {
    for (const name of names) {
      const served = name === 'docs.html' ? name : `docs/${name}`
      files.set(served, await readFile(path.join(projectRoot, source, name)))
    }
  }
  await mkdir(path.join(directory, 'docs'), { recursive: true })
  await writeFiles(directory, files)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    const name = path.relative(directory, file).replaceAll(path.sep, '/')
    if (!entry.isDirectory() && !files.has(name)) await rm(file, { force: true })
  }
}

/**
 * Replaces each file at once, so that nobody reads half of it. Skips a file that has not changed, since
 * `wrangler dev` restarts for a changed one.
 */
async function writeFiles(directory: string, files: Map<string, Buffer>): Promise<void> {
  const beside = await mkdtemp(`${directory}-`)
  try {
    for (const [name, content] of files) {
      const file = path.join(directory, name)
      const written = await readFile(file).catch(() => undefined)
      if (written?.equals(content)) continue
      const whole = path.join(beside, path.basename(name))
      await writeFile(whole, content)
      await rename(whole, file)
    }
  } finally {
    await rm(beside, { recursive: true })
  }
}
