import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrateLocalDatabases } from '../../tools/lib/local-databases.ts'
import { freePort } from '../../tools/lib/ports.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { startWorker } from '../../tools/lib/wrangler.ts'

let directory: string
let url: string

// Starts both Workers, each from its own wrangler.toml, with the service binding between them.
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-cart-worker-'))
  const persistence = ['--persist-to', directory]
  await migrateLocalDatabases({ 'persist-to': directory })
  const port = await freePort()
  url = `http://localhost:${port}`
  const configurations = ['examples/cart-worker/wrangler.toml', 'wrangler.toml']
  await startWorker({
    url,
    args: [
      ...configurations.flatMap((file) => ['--config', path.join(projectRoot, file)]),
      ...['--port', String(port), '--inspector-port', String(await freePort())],
      ...persistence,
    ],
    print: () => undefined,
    ready: { path: '/carts/any', status: 401 },
  })
}, 60_000)
afterAll(async () => {
  await stopAll()
  rmSync(directory, { recursive: true })
})

async function ask(method: string, cartId: string, accountId: string): Promise<string> {
  const headers = { 'X-Account-Id': accountId }
  const response = await fetch(`${url}/carts/${cartId}`, { method, headers })
  return `${response.status} ${await response.text()}`
}

describe('a cart Worker that asks CartAccounts', () => {
  it('shows a cart to the account that has it, and to no other account', async () => {
    expect(await ask('GET', 'cart-1', 'owner')).toBe('404 Cart not found')
    expect(await ask('PUT', 'cart-1', 'owner')).toBe('200 created')
    expect(await ask('GET', 'cart-1', 'owner')).toBe('200 {"id":"cart-1","items":[]}')
    expect(await ask('GET', 'cart-1', 'stranger')).toBe('404 Cart not found')
  })

  it('lets nobody take over a cart by its id', async () => {
    expect(await ask('PUT', 'cart-2', 'owner')).toBe('200 created')
    expect(await ask('PUT', 'cart-2', 'owner')).toBe('200 unchanged')
    expect(await ask('PUT', 'cart-2', 'stranger')).toBe('403 taken')
    expect(await ask('GET', 'cart-2', 'stranger')).toBe('404 Cart not found')
  })

  it('answers 404 to an unsafe cart id', async () => {
    expect(await ask('GET', 'a.b', 'owner')).toBe('404 Cart not found')
  })

  it('is shown in the README exactly as it is here', () => {
    const readme = readFileSync(path.join(projectRoot, 'README.md'), 'utf8')
    const worker = readFileSync(path.join(import.meta.dirname, 'worker.ts'), 'utf8')

    expect(readme).toContain(worker.slice(worker.indexOf('export default')))
  })
})
