// Starts a Worker under wrangler dev for the whole suite.
import type { TestProject } from 'vitest/node'
import { stopAll, stopAllAtTheEnd } from '../../tools/lib/processes.ts'
import { startThrowawayWorker } from '../../tools/lib/throwaway-worker.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Plain data, as tests run in other processes. `devVars` is the path of the file with the keys. */
    worker: Record<'url' | 'devVars' | 'clientId' | 'clientSecret' | 'storeId', string>
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  stopAllAtTheEnd()
  const log: string[] = []
  try {
    const { url, devVars, key } = await startThrowawayWorker('clients', (text) => log.push(text))
    const { clientId, clientSecret = '', storeId } = key
    project.provide('worker', { url, devVars, clientId, clientSecret, storeId })
  } catch (error) {
    process.stderr.write(log.join(''))
    await stopAll()
    throw error
  }
  return stopAll
}
