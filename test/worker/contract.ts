// Holds responses to the OpenAPI document.
import { env } from 'cloudflare:workers'

/** The bodies of requests that were sent as text: a stream could not be read twice. */
export const sentBodies = new WeakMap<Request, string>()

/** Values that differ from run to run in a fixed format: ids, bookmarks, ETag digests and times. */
const VALUES = [
  /(-\d+-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi,
  /\b[0-9a-f]{8}(-[0-9a-f]{8}){2}-[0-9a-f]{32}\b/g,
  /\b[0-9a-f]{40}\b/g,
  /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g,
  /\bdur=\d+/g,
]

/** Exchanges that were valid, with these values replaced. */
const known = new Set<string>()

/** @throws Error naming what the document does not promise */
export async function requireContract(request: Request, response: Response): Promise<void> {
  const { method, url } = request
  const { status } = response
  const path = url.replace(/^https?:\/\/[^/]+/, '')
  const headers = Object.fromEntries(response.headers)
  const exchange = JSON.stringify({
    ...{ method, path, status, headers },
    body: await response.clone().text(),
    // With HTTP Basic, the body may lack members that are otherwise required.
    sent: /^Basic/i.test(request.headers.get('Authorization') ?? '')
      ? undefined
      : sentBodies.get(request),
  })
  const kind = VALUES.reduce((text, values) => text.replace(values, 'VALUE'), exchange)
  if (known.has(kind)) return
  const breaches = await breachesOf(exchange)
  if (breaches.length > 0) {
    throw new Error(`The answer ${status} to ${method} ${path} ${breaches.join('; ')}`)
  }
  known.add(kind)
}

const waiting: string[] = []
let underWay: Promise<unknown> = Promise.resolve()
let next: Promise<string[][]> | undefined

/** Validates the exchanges that have gathered meanwhile in one call: the round trip costs most. */
async function breachesOf(exchange: string): Promise<string[]> {
  const index = waiting.push(exchange) - 1
  next ??= underWay.then(askAll, askAll)
  underWay = next
  return (await next)[index] ?? ['is not told of']
}

async function askAll(): Promise<string[][]> {
  next = undefined
  const body = `[${waiting.splice(0).join()}]`
  const told = await env.TEST_CONTRACT.fetch('http://contract/', { method: 'POST', body })
  return await told.json()
}
