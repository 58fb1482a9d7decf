// Starts a Worker under wrangler dev for the whole suite, with the keys that its clients need.
import type { JWK } from 'jose'
import * as v from 'valibot'
import type { TestProject } from 'vitest/node'
import { stopAll, stopAllAtTheEnd } from '../../tools/lib/processes.ts'
import { startThrowawayWorker, type ThrowawayWorker } from '../../tools/lib/throwaway-worker.ts'
import { startIssuer } from './issuer.ts'

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
