import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import type { Bindings } from '../../src/bindings.ts'
import { seededRandom } from '../lib/random.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import { uniqueId } from './requests.ts'
import { Issuer, liftLimits, MINUTE, pass, SECOND, signedWith } from './stubs.ts'
import { newSigningKey, type SigningKey, sign } from './tokens.ts'

const TOKEN_LIFE = 15 * MINUTE

let issuer: Issuer
let worker: Bindings

beforeEach(() => {
  liftLimits()
  issuer = new Issuer()
  // Stands for one isolate: its settings and fetched keys live as long as this object.
  worker = { ...env, AUTH_JWKS_URL: 'https://identity.example/keys' }
  delete worker.AUTH_JWKS
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const mint = async (key: SigningKey): Promise<string> => await sign(signedWith(key))

/** The status of a caller that is let in: the request names no account, so it is refused next. */
const LET_IN = 400

async function statusOf(token: string): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` }
  return (await app.request('/v2/carts', { headers }, worker)).status
}

describe('rotation under load', () => {
  it('refuses no valid request', proofTimeout, async ({ task }) => {
    const random = seededRandom(seed)
    const rotations = amount({ share: 5, whole: 40 })
    const perWave = amount({ share: 30, whole: 100 })
    const statuses: number[] = []
    let key = await newSigningKey('key-0')
    let living: string[] = []
    issuer.publish(key)
    const wave = async () => {
      const minted = await Promise.all(below(4).map(() => mint(key)))
      living = [...living, ...minted].slice(-40)
      await forEachOf(below(perWave), { atOnce: 50 }, async (index) => {
        statuses.push(await statusOf(seededRandom(seed, index).pick(living)))
      })
    }

    for (const rotation of below(rotations)) {
      await wave()
      const next = await newSigningKey(`key-${rotation + 1}`)
      // While requests are in flight, the new key appears beside the old one and signs at once.
      const inFlight = wave()
      issuer.publish(key, next)
      key = next
      await Promise.all([inFlight, wave()])
      // The old key stays until its last token has expired, and is then withdrawn under load too.
      pass(30 * SECOND + random.below(TOKEN_LIFE))
      await wave()
      living = []
      const withdrawn = wave()
      issuer.publish(key)
      await withdrawn
      pass(10 * MINUTE + random.below(TOKEN_LIFE))
    }
    await wave()

    const refused = statuses.filter((status) => status !== LET_IN).length
    expect(refused).toBe(0)
    task.meta.figures = [
      `rotation: ${figure(statuses.length)} valid requests over ${rotations} rotations, ${figure(issuer.fetches.length)} fetches, ${refused} refused (seed ${seed})`,
    ]
  })
})

describe('unknown keys', () => {
  it('cost one fetch in 30 s, and delay no valid request', proofTimeout, async ({ task }) => {
    const total = amount({ share: 1_000, whole: 10_000 })
    const known = await newSigningKey('known')
    issuer.publish(known)
    const valid = await mint(known)
    await statusOf(valid)
    const before = issuer.fetches.length
    const refusals: number[] = []
    const answers: number[] = []

    await forEachOf(below(total), { atOnce: 50 }, async (index) => {
      refusals.push(await statusOf(await mint({ ...known, kid: uniqueId('kid') })))
      if (index % 10 === 0) answers.push(await statusOf(valid))
    })
    const within30s = issuer.fetches.length - before
    pass(30 * SECOND)
    await statusOf(await mint({ ...known, kid: uniqueId('kid') }))

    expect(new Set(refusals)).toEqual(new Set([401]))
    expect(new Set(answers)).toEqual(new Set([LET_IN]))
    expect(within30s).toBe(1)
    expect(issuer.fetches.length - before).toBe(2)
    task.meta.figures = [
      `unknown keys: ${figure(total)} in 30 s refused, ${within30s} fetch, ${figure(answers.length)} valid requests meanwhile, 0 refused`,
    ]
  })

  it('do not keep a key from verifying that was published 30 s before it signs', async () => {
    const [known, next] = [await newSigningKey('known'), await newSigningKey('next')]
    issuer.publish(known)
    const probe = async () => await statusOf(await mint({ ...known, kid: uniqueId('kid') }))
    await statusOf(await mint(known))
    await probe()

    issuer.publish(known, next)
    pass(30 * SECOND)
    await Promise.all(below(20).map(probe))

    expect(await statusOf(await mint(next))).toBe(LET_IN)
  })
})
