// Holds answers to the OpenAPI document.
import { env } from 'cloudflare:workers'

/** @throws Error telling what of the answer the document does not promise */
export async function requireContract(request: Request, response: Response): Promise<void> {
  const { method, url } = request
  const path = url.replace(/^https?:\/\/[^/]+/, '')
  const headers = Object.fromEntries(response.headers)
  const exchange = {
    method,
    path,
    status: response.status,
    headers,
    body: await response.clone().text(),
  }
  const told = await env.TEST_CONTRACT.fetch('http://contract/', {
    method: 'POST',
    body: JSON.stringify(exchange),
  })
  const breaches: string[] = await told.json()
  if (breaches.length === 0) return
  throw new Error(`The answer ${response.status} to ${method} ${path} ${breaches.join('; ')}`)
}
