// npm run demo: asks the cases of npm run smoke on a Worker and a database of its own.
import { CommandError } from '../lib/command-line.ts'
import { StoppedError, stopAll, stopAllAtTheEnd } from '../lib/processes.ts'
import { startThrowawayWorker } from '../lib/throwaway-worker.ts'
import { mintAccountToken } from '../tokens/mint.ts'
import { smokeCases } from './cases.ts'
import { describe, requireGood, runSmoke } from './run.ts'
import { smokeTokens } from './tokens.ts'

export async function demo(args: string[]): Promise<void> {
  if (args.length > 0) throw new CommandError('npm run demo takes no arguments', 2)
  stopAllAtTheEnd()
  const log: string[] = []
  try {
    process.stdout.write('Starting a Worker with a database of its own\n\n')
    const { url, settings, key } = await startThrowawayWorker('demo', (text) => log.push(text))
    const shopper = { accountId: 'ada', memberId: 'ada-1', expiresInSeconds: 600 }
    const account = await mintAccountToken(settings, { ...shopper, storeId: key.storeId })
    const tokens = await smokeTokens(url, { account, ...key })
    const report = await runSmoke(url, smokeCases(tokens), tokens, new AbortController().signal)
    process.stdout.write(describe(report))
    requireGood(report)
  } catch (error) {
    if (!(error instanceof StoppedError)) process.stderr.write(log.join(''))
    throw error
  } finally {
    await stopAll()
  }
}
