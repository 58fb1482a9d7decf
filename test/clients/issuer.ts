// A separate issuer, reduced to what the Worker sees of it: an address that publishes its keys.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Issuer {
  url: string
  close: () => void
}

/** Slow enough for requests to arrive during a fetch of the keys. */
const ANSWERS_AFTER_MS = 300

/** `GET` returns the key set that `PUT` stored, and `GET /fetches` how often it was fetched. */
export async function startIssuer(): Promise<Issuer> {
  let keySet = '{"keys":[]}'
  let fetches = 0
  const server = createServer(async (request, response) => {
    if (request.method === 'PUT') {
      keySet = Buffer.concat(await Array.fromAsync(request)).toString()
      response.end()
      return
    }
    if (request.url === '/fetches') {
      response.end(String(fetches))
      return
    }
    fetches += 1
    await sleep(ANSWERS_AFTER_MS)
    response.end(keySet)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not an address of TCP')
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() }
}
