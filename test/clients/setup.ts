// Starts a Worker under wrangler dev for the whole suite, with the keys that its clients need.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JWK } from 'jose'
import * as v from 'valibot'
import type { TestProject } from 'vitest/node'
import { stopAll, stopAllAtTheEnd } from '../../tools/lib/processes.ts'
import { startThrowawayWorker, type ThrowawayWorker } from '../../tools/lib/throwaway-worker.ts'

export interface ProvidedWorker {
  url: string
  clientId: string
  clientSecret: string
  storeId: string
  issuer: string
  /** The address at which a separate issuer publishes its keys. */
  issuerUrl: string
  accountIssuer: string
  audience: string
  signingKey: JWK & { kid: string; alg: string; d: string }
}

declare module 'vitest' {
  export interface ProvidedContext {
    worker: ProvidedWorker
  }
}

const keySet = v.object({ keys: v.array(v.looseObject({ kid: v.string(), alg: v.string() })) })

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  stopAllAtTheEnd()
  const log: string[] = []
  const issuer = await startIssuer()
  const stop = async () => {
    await stopAll()
    issuer.close()
  }
  try {
    const print = (text: string) => log.push(text)
    const remote = ['--var', `AUTH_JWKS_URL:${issuer.url}`]
    const worker = await startThrowawayWorker('clients', print, ...remote)
    project.provide('worker', { ...(await plainData(worker)), issuerUrl: issuer.url })
  } catch (error) {
    process.stderr.write(log.join(''))
    await stop()
    throw error
  }
  return stop
}

/** The Worker as plain data: tests run in other processes, and nothing else reaches them. */
async function plainData({
  url,
  settings,
  key,
}: ThrowawayWorker): Promise<Omit<ProvidedWorker, 'issuerUrl'>> {
  const { issuer, accountIssuer, audience, signingKey } = settings
  const { clientId, clientSecret, storeId } = key
  if (accountIssuer === undefined || clientSecret === undefined) {
    throw new Error('The throwaway Worker must let its demo key and its signing key do everything')
  }
  const response = await fetch(new URL('/.well-known/jwks.json', url))
  const { keys } = v.parse(keySet, await response.json())
  const publicKey = keys.find(({ kid }) => kid === signingKey.kid)
  if (publicKey === undefined) throw new Error('The Worker does not publish its signing key')
  return {
    url,
    clientId,
    clientSecret,
    storeId,
    issuer,
    accountIssuer,
    audience,
    signingKey: { ...publicKey, d: signingKey.secret },
  }
}

/** A separate issuer, reduced to what the Worker sees of it: an address that publishes its keys. */
interface Issuer {
  url: string
  close: () => void
}

/** Slow enough for requests to arrive during a fetch of the keys. */
const ANSWERS_AFTER_MS = 300

/** `GET` returns the key set that `PUT` stored, and `GET /fetches` how often it was fetched. */
async function startIssuer(): Promise<Issuer> {
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
