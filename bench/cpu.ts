// What the service takes for itself: CPU time above a Hono hello, where D1 answers at once; and what
// the least does that keeps the same promises, which tells how quick this machine is.
import path from 'node:path'
import { exportJWK, generateKeyPair, generateSecret } from 'jose'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { temporaryDirectory } from '../tools/lib/temporary-directory.ts'
import { build } from '../tools/lib/wrangler.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'
import { type Contestant, moduleAt, serve } from './contestants.ts'
import { type Load, measure } from './load.ts'
import { associationOf } from './operations.ts'
import type { RoundsPlan } from './rounds.ts'
import { newShoppers, type Shopper } from './shoppers.ts'
import { medianOf } from './statistics.ts'

export const ALGORITHMS = ['HS256', 'ES256'] as const
export const TOKENS = ['seen before', 'not seen before'] as const

/** Microseconds a request, medians of the rounds. */
export interface OwnCpu {
  algorithm: (typeof ALGORITHMS)[number]
  tokens: (typeof TOKENS)[number]
  service: number
  hello: number
  /** The service above hello, the median of the differences. */
  own: number
  /** The same of `workers/least.ts`, which has no rules of tokens, no router and no database. */
  least: number
}

const CONNECTIONS = 16
const REQUESTS = 3_000
const SHOPPERS_SEEN = 100
/** Rounds until V8 has compiled what is hot, whose figures are dropped. */
const WARM_UPS = 3

/** @throws CommandError where CPU time cannot be read, or an answer is wrong */
export async function measureOwnCpu(
  worker: BuiltWorker,
  { rounds, progress }: Pick<RoundsPlan, 'rounds' | 'progress'>,
): Promise<OwnCpu[]> {
  const hello = await serveHello(worker)
  const figures: OwnCpu[] = []
  for (const algorithm of ALGORITHMS) {
    const { settings, bindings } = await withKeyFor(algorithm, worker.settings)
    const service = await serve(worker, `stubbed-${algorithm}`, {
      modules: [moduleAt('stubbed.ts'), worker.bundle],
      bindings,
    })
    const leastModules = [moduleAt('least.ts')]
    const least = {
      'seen before': await serve(worker, 'least', { modules: leastModules }),
      'not seen before': await serve(worker, `least-${algorithm}`, {
        modules: leastModules,
        bindings: { VERIFY_WITH: bindings.AUTH_JWKS },
      }),
    }
    const known = await newShoppers(settings, SHOPPERS_SEEN)
    for (const tokens of TOKENS) {
      const contestants = [service, hello, least[tokens]] as const
      const seen: [number, number, number][] = []
      for (let round = 1 - WARM_UPS; round <= rounds; round += 1) {
        const what = round < 1 ? 'warming up' : `round ${round} of ${rounds}`
        progress(`Own CPU: ${algorithm}, tokens ${tokens}, ${what}`)
        const shoppers = tokens === 'seen before' ? known : await newShoppers(settings, REQUESTS)
        const spent = new Map<Contestant, number>()
        for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
          const status = contestant === hello ? 200 : 204
          spent.set(contestant, await cpuOf(contestant, shoppers, status))
        }
        if (round < 1) continue
        const [ofService = 0, ofHello = 0, ofLeast = 0] = contestants.map((each) => spent.get(each))
        seen.push([ofService, ofHello, ofLeast])
      }
      figures.push({
        algorithm,
        tokens,
        service: medianOf(seen.map(([ofService]) => ofService)),
        hello: medianOf(seen.map(([, ofHello]) => ofHello)),
        own: medianOf(seen.map(([ofService, ofHello]) => ofService - ofHello)),
        least: medianOf(seen.map(([, ofHello, ofLeast]) => ofLeast - ofHello)),
      })
    }
  }
  return figures
}

async function serveHello(worker: BuiltWorker): Promise<Contestant> {
  const directory = temporaryDirectory('hello')
  await build(directory, moduleAt('hello.ts'))
  return await serve(worker, 'hello', { modules: [path.join(directory, 'hello.js')] })
}

/** One repeated association a shopper, in turn, whatever connection it comes over. */
async function cpuOf(
  contestant: Contestant,
  shoppers: readonly Shopper[],
  status: number,
): Promise<number> {
  const requests = shoppers.map(associationOf)
  let sent = 0
  const load: Load = {
    name: contestant.name,
    status,
    requests: requests.slice(0, 1),
    next: () => requests[sent++ % requests.length] ?? {},
  }
  const { cpuMicros } = await measure(contestant, load, CONNECTIONS, { requests: REQUESTS })
  if (cpuMicros !== undefined) return cpuMicros
  throw new CommandError('CPU time is read from /proc: this measurement needs Linux')
}

/** Tokens signed with a new key of this algorithm, and the setting that has them verified. */
async function withKeyFor(
  alg: OwnCpu['algorithm'],
  settings: LocalSettings,
): Promise<{ settings: LocalSettings; bindings: { AUTH_JWKS: string } }> {
  const kid = `bench-${alg}`
  const { signing, verifying } = await newKey(alg)
  const jwk = { ...(await exportJWK(verifying)), kid, alg }
  return {
    settings: { ...settings, signingKey: { kid, alg, key: signing, secret: '' } },
    bindings: { AUTH_JWKS: JSON.stringify({ keys: [jwk] }) },
  }
}

async function newKey(alg: OwnCpu['algorithm']) {
  if (alg === 'ES256') {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    return { signing: privateKey, verifying: publicKey }
  }
  const secret = await generateSecret(alg, { extractable: true })
  return { signing: secret, verifying: secret }
}
