// Bodies over a service binding, where no HTTP parser holds a body to its declared length.
import { readFileSync } from 'node:fs'
import { Miniflare } from 'miniflare'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintAccessToken } from '../../tools/tokens/mint.ts'
import { buildWorker } from '../proofs/built-worker.ts'

const KIB = 1024
const common = { compatibilityDate: '2026-08-03' }

/** Sends the service 200 MB in pieces of 16 KiB, and counts the bytes that are taken. */
const CALLER = `
export default {
  async fetch({ headers }, { SERVICE }) {
    let taken = 0
    const body = new ReadableStream({ pull(controller) {
        if (taken >= 200_000_000) return controller.close()
        taken += 16 * 1024
        controller.enqueue(new Uint8Array(16 * 1024).fill(32))
      },
    }, { highWaterMark: 0 })
    const { status } = await SERVICE.fetch('https://carts.example' + headers.get('X-Path'), { method: 'POST',
      headers: { Authorization: headers.get('Authorization'), ...JSON.parse(headers.get('X-Length')) },
      body,
    })
    await scheduler.wait(200)
    return Response.json({ status, taken })
  },
}`

const observed = v.object({ status: v.number(), taken: v.number() })

let miniflare: Miniflare
let authorization: string

beforeAll(async () => {
  const { settings, bindings, bundle } = await buildWorker('binding')
  const texts = Object.entries(bindings).map(
    ([name, value]) => [name, { type: 'text' as const, value }] as const,
  )
  const module = (contents: string) => ({
    mainModule: 'app.js',
    modulesRoot: '/',
    modules: { 'app.js': { type: 'esm' as const, contents } },
  })
  miniflare = new Miniflare({
    cf: false,
    workers: [
      {
        config: {
          ...{ ...common, name: 'caller', manifest: module(CALLER) },
          env: { SERVICE: { type: 'worker', worker: 'service' } },
        },
      },
      {
        config: {
          ...{ ...common, name: 'service', manifest: module(readFileSync(bundle, 'utf8')) },
          env: { ...Object.fromEntries(texts), DB: { type: 'd1', id: 'cart-accounts' } },
        },
      },
    ],
  })
  const request = { grantType: 'client_credentials', storeId: 'demo', clientId: 'server' } as const
  const token = await mintAccessToken(settings, { ...request, expiresInSeconds: 900 })
  authorization = `Bearer ${token}`
}, 60_000)

afterAll(async () => {
  await miniflare.dispose()
})

describe('A body of 200 MB over a service binding', () => {
  const paths = ['/v2/carts/cart-1/relationships/accounts', '/oauth/access_token']
  const lengths = [{ 'Content-Length': '10' }, { 'Content-Length': '200000000' }, {}]
  const cases = paths.flatMap((path) => lengths.map((length) => ({ path, length })))

  it.each(cases)('is refused by $path, which reads little of it: $length', async (each) => {
    const url = await miniflare.ready
    const response = await fetch(url, {
      headers: {
        Authorization: authorization,
        'X-Path': each.path,
        'X-Length': JSON.stringify(each.length),
      },
    })

    const { status, taken } = v.parse(observed, await response.json())
    expect(status).toBe(413)
    expect(taken).toBeLessThanOrEqual(128 * KIB)
  })
})
