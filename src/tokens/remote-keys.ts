// Keys that another issuer publishes and rotates: kept, and asked for again no oftener than needed.
import { waitUntil } from 'cloudflare:workers'
import { createRemoteJWKSet, customFetch, errors, type JWTHeaderParameters } from 'jose'
import { within } from '../deadline.ts'
import { UnavailableError } from '../errors.ts'
import { readUpTo } from '../limited-read.ts'
import { usableKeys } from './keys.ts'
import { TokenRefused } from './refusal.ts'

/**
 * Finds the key that a token names, and for its algorithm.
 *
 * @throws TokenRefused where the issuer does not publish it
 * @throws UnavailableError where the issuer cannot be asked, and it is not among the keys that were kept
 */
export type RemoteKeys = (header: JWTHeaderParameters) => Promise<CryptoKey>

const DEADLINE_MS = 5_000
const MAX_BYTES = 64 * 1024
/** Keys that the issuer has withdrawn verify no longer than this, and what a request takes. */
const MAX_AGE_MS = 10 * 60_000
/** A stranger may name as many unknown keys as he likes: the issuer hears of it this often. */
const UNKNOWN_KEY_PAUSE_MS = 30_000
/** Without any key nothing verifies, so a first load that failed is tried again sooner. */
const FAILED_LOAD_PAUSE_MS = 5_000
const ALGORITHMS = ['ES256', 'EdDSA', 'RS256']

/** The keys at the address that the setting holds; nothing is fetched before it is needed. */
export function remoteKeys(setting: string, url: URL): RemoteKeys {
  // Jose fetches, keeps and selects; when to fetch is decided here, for the whole isolate.
  const published = createRemoteJWKSet(url, {
    timeoutDuration: DEADLINE_MS,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: Number.POSITIVE_INFINITY,
    [customFetch]: fetchKeySet,
  })
  let loading: Promise<void> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY
  let askedAt = Number.NEGATIVE_INFINITY
  let failure: unknown

  const unavailable = () => new UnavailableError(`${setting} cannot be fetched`, { cause: failure })

  /** Starts the one fetch that there is at a time; when it fails, the keys of before stay. */
  function startLoading(): Promise<void> {
    loadedAt = Date.now()
    loading = published.reload().then(
      () => {
        failure = undefined
        loading = undefined
      },
      (error: unknown) => {
        failure = error
        loading = undefined
      },
    )
    // Others wait for it too: it goes on when the request that started it is broken off.
    waitUntil(loading)
    return loading
  }

  async function load(): Promise<void> {
    await within(DEADLINE_MS, loading ?? startLoading(), unavailable)
  }

  async function loadFirst(): Promise<void> {
    const pausing = loading === undefined && Date.now() < loadedAt + FAILED_LOAD_PAUSE_MS
    if (pausing) throw unavailable()
    await load()
    if (published.jwks() === undefined) throw unavailable()
  }

  /** Fetches again for a key that is not known, or waits for whoever does. */
  async function askAgain(): Promise<void> {
    if (loading === undefined && Date.now() < askedAt + UNKNOWN_KEY_PAUSE_MS) return
    if (loading === undefined) askedAt = Date.now()
    await load()
  }

  async function find(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
    try {
      return await published(header)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined
      throw error
    }
  }

  return async function remoteKey(header) {
    if (!ALGORITHMS.includes(header.alg)) throw new TokenRefused('wrong_algorithm')
    const first = published.jwks() === undefined
    if (first) await loadFirst()
    else if (loading === undefined && Date.now() >= loadedAt + MAX_AGE_MS) startLoading()
    const known = await find(header)
    if (known !== undefined) return known
    // What was loaded for this very token need not be loaded again.
    if (first) askedAt = Date.now()
    else await askAgain()
    const added = await find(header)
    if (added !== undefined) return added
    if (failure !== undefined) throw unavailable()
    throw new TokenRefused('unknown_key')
  }
}

/** A key set of a bounded size, without the keys that would not verify here. */
async function fetchKeySet(
  url: string,
  { headers, signal, redirect }: { headers: Headers; signal: AbortSignal; redirect: 'manual' },
): Promise<Response> {
  const response = await fetch(url, { headers, signal, redirect })
  const { status, body } = response
  if (status !== 200 || body === null) throw new Error(`The key set was answered with ${status}`)
  const tooLarge = () => new Error(`The key set is larger than ${MAX_BYTES} bytes`)
  const bytes = await readUpTo(MAX_BYTES, body.getReader(), tooLarge)
  const keys = await usableKeys(JSON.parse(new TextDecoder().decode(bytes)))
  if (keys.length === 0) throw new Error('The key set has no key that could verify a token here')
  return Response.json({ keys })
}
