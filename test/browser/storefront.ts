// Serves a storefront on its own origin: a page, and its script bundled as one file.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { build } from 'esbuild'

export interface Storefront {
  url: string
  close: () => void
}

const FOLDER = path.join(import.meta.dirname, 'storefront')

/** @throws Error if its script cannot be built */
export async function startStorefront(): Promise<Storefront> {
  const script = await build({
    entryPoints: [path.join(FOLDER, 'storefront.js')],
    bundle: true,
    write: false,
    format: 'esm',
    // The client imports it only without localStorage, which a browser has.
    external: ['node-localstorage'],
    logLevel: 'silent',
  })
  const page = await readFile(path.join(FOLDER, 'index.html'))
  const server = createServer((request, response) => {
    if (request.url === '/storefront.js') {
      response.setHeader('Content-Type', 'text/javascript')
      response.end(script.outputFiles[0]?.contents)
      return
    }
    response.setHeader('Content-Type', 'text/html')
    response.end(page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not an address of TCP')
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() }
}
