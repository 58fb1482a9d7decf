// Holds every response to the OpenAPI document, and looks for secrets in all that leaves the Worker.
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterAll, afterEach, beforeEach, expect } from 'vitest'
import app from '../../src/app.ts'
import { found, keepSecret, keepTokensOf, logged, lookForSecrets, recordLog } from './logs.ts'
import { sentBodies } from './requests.ts'

await applyD1Migrations(env.DB, env.TEST_MIGRATIONS)

for (const { d, k, p, q, dp, dq, qi } of env.TEST_SIGNING_KEYS) keepSecret(d, k, p, q, dp, dq, qi)
recordLog()

// Whichever way a test sends a request.
const answer = app.fetch
app.fetch = async (request, ...others) => {
  keepTokensOf(request)
  const response = await answer(request, ...others)
  const body = await response.clone().text()
  await requireContract(request, response, body)
  lookForSecrets('A header', JSON.stringify([...response.headers]))
  lookForSecrets('An answer', body)
  return response
}

/** Values that differ from run to run in a fixed format: ids, bookmarks, ETag digests and times. */
const VALUES = [
  /(-\d+-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi,
  /\b[0-9a-f]{8}(-[0-9a-f]{8}){2}-[0-9a-f]{32}\b/g,
  /\b[0-9a-f]{40}\b/g,
  /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g,
  /\bdur=\d+/g,
]

/** Exchanges that were valid, with these values replaced: asking takes longer than all else. */
const known = new Set<string>()

/** @throws Error naming what the document does not promise */
async function requireContract(request: Request, response: Response, body: string): Promise<void> {
  const { method, url } = request
  const { status } = response
  const path = url.replace(/^https?:\/\/[^/]+/, '')
  const headers = Object.fromEntries(response.headers)
  // With HTTP Basic, the body may lack members that are otherwise required.
  const isBasic = /^Basic/i.test(request.headers.get('Authorization') ?? '')
  const sent = isBasic ? undefined : sentBodies.get(request)
  const exchange = JSON.stringify({ method, path, status, headers, body, sent })
  const kind = VALUES.reduce((text, values) => text.replace(values, 'VALUE'), exchange)
  if (known.has(kind)) return
  const asked = await env.TEST_CONTRACT.fetch('http://contract/', {
    method: 'POST',
    body: exchange,
  })
  const breaches = await asked.text()
  if (breaches !== '') throw new Error(`The answer ${status} to ${method} ${path} ${breaches}`)
  known.add(kind)
}

beforeEach(() => {
  logged.length = 0
})

afterEach(() => {
  expect(found.splice(0)).toEqual([])
})

afterAll(async () => {
  for (const table of ['associations', 'application_keys']) {
    const { results } = await env.DB.prepare(`select * from ${table}`).all()
    lookForSecrets(`A row of ${table}`, JSON.stringify(results))
  }
  expect(found).toEqual([])
})
