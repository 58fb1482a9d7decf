// Keys that another issuer publishes and rotates: cached, and fetched no more often than needed.
import { waitUntil } from 'cloudflare:workers'
import { readUpTo, within } from '../bounded.ts'
import { UnavailableError } from '../errors.ts'
import { importPublishedKeys, type KeySet, keysNamed, type PublishedKeys } from './keys.ts'
import { TokenRefused } from './refusal.ts'

const ALGORITHMS: readonly unknown[] = ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'PS256']
const DEADLINE_MS = 5_000
const MAX_BYTES = 64 * 1024
/** The first request after this time starts a refetch, and does not wait for it. */
const MAX_AGE_MS = 10 * 60_000
/** A stranger can name any number of unknown keys; the issuer is asked at most this often. */
const REFETCH_PAUSE_MS = 30_000
/** Without any key nothing verifies, so a failed first load is tried again sooner. */
const FIRST_LOAD_PAUSE_MS = 5_000

/** The key that a token names: by its `kid`, if it has one, and its algorithm. */
interface Wanted {
  kid: string | undefined
  alg: unknown
}

/** The keys at one address, for all requests of the isolate. Fetches them when they are first needed. */
export class RemoteKeys {
  /** Number of fetches so far. When it changes, tokens verified earlier are verified again. */
  version = 0

  readonly #setting: string
  readonly #url: URL
  #keys: KeySet = []
  #loading: { done: Promise<void> } | undefined
  #attemptedAt = Number.NEGATIVE_INFINITY
  #loadedAt = Number.NEGATIVE_INFINITY
  #unknownAskedAt = Number.NEGATIVE_INFINITY
  #failure: unknown

  /** `setting` is the name of the setting that holds the address, for messages. */
  constructor(setting: string, url: URL) {
    this.#setting = setting
    this.#url = url
  }

  /** Refetches old keys in the background; requests use the cached ones meanwhile. */
  refreshWhenOld(): void {
    const now = Date.now()
    const pausing = now < this.#attemptedAt + REFETCH_PAUSE_MS
    if (now >= this.#loadedAt + MAX_AGE_MS && !pausing) this.#startLoading()
  }

  /**
   * Returns the key that a token names.
   *
   * @throws TokenRefused if the issuer does not publish it
   * @throws UnavailableError if it is not cached and the issuer does not respond
   */
  async find(wanted: Wanted): Promise<CryptoKey> {
    if (!ALGORITHMS.includes(wanted.alg)) throw new TokenRefused('wrong_algorithm')
    const first = this.version === 0
    if (first) await this.#loadFirst()
    else this.refreshWhenOld()
    const known = this.#select(wanted)
    if (known !== undefined) return known
    // After a first load, the keys were just loaded for this very token.
    if (first) this.#unknownAskedAt = Date.now()
    else await this.#askForUnknown()
    const added = this.#select(wanted)
    if (added !== undefined) return added
    if (this.#failure !== undefined) throw this.#unavailable()
    const isNamed = keysNamed(this.#keys, wanted.kid).length > 0
    throw new TokenRefused(isNamed ? 'wrong_algorithm' : 'unknown_key')
  }

  #select({ kid, alg }: Wanted): CryptoKey | undefined {
    if (kid === undefined && this.#keys.length > 1) throw new TokenRefused('unnamed_key')
    return keysNamed(this.#keys, kid).find((key) => key.alg === alg)?.key
  }

  async #loadFirst(): Promise<void> {
    const pausing = Date.now() < this.#attemptedAt + FIRST_LOAD_PAUSE_MS
    if (this.#loading === undefined && pausing) throw this.#unavailable()
    await this.#load()
    if (this.#failure !== undefined) throw this.#unavailable()
  }

  /** Fetches the keys for an unknown key, or waits for the fetch that is under way. */
  async #askForUnknown(): Promise<void> {
    if (this.#loading === undefined) {
      if (Date.now() < this.#unknownAskedAt + REFETCH_PAUSE_MS) return
      this.#unknownAskedAt = Date.now()
    }
    await this.#load()
  }

  async #load(): Promise<void> {
    // The fetch of a killed request never ends.
    const stuck = Date.now() >= this.#attemptedAt + 2 * DEADLINE_MS
    const { done } = this.#loading === undefined || stuck ? this.#startLoading() : this.#loading
    await within(DEADLINE_MS, done, () => this.#unavailable())
  }

  #startLoading(): { done: Promise<void> } {
    const startedAt = Date.now()
    const done = fetchKeys(this.#url).then(
      ({ keys, unusable }) => {
        this.#failure = undefined
        this.#keys = keys
        this.#loadedAt = startedAt
        this.version += 1
        if (unusable > 0) this.#warn(`${unusable} of ${unusable + keys.length} keys cannot be used`)
        else if (keys.length === 0) this.#warn('The key set is empty')
      },
      (error: unknown) => {
        this.#failure = error
        // The cached keys still serve requests, so only the log shows the failure.
        this.#warn(String(error))
      },
    )
    const loading = { done }
    this.#attemptedAt = startedAt
    this.#loading = loading
    const ended = done.then(() => {
      if (this.#loading === loading) this.#loading = undefined
    })
    // Other requests wait for it too, so it outlives the request that started it.
    waitUntil(ended)
    return loading
  }

  #warn(reason: string): void {
    console.error(JSON.stringify({ setting: this.#setting, reason }))
  }

  #unavailable(): UnavailableError {
    return new UnavailableError(`${this.#setting} cannot be fetched`, { cause: this.#failure })
  }
}

async function fetchKeys(url: URL): Promise<PublishedKeys> {
  const { status, body } = await fetch(url, {
    headers: { Accept: 'application/jwk-set+json, application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (status !== 200 || body === null) {
    await body?.cancel()
    throw new Error(`The key set was answered with ${status}`)
  }
  const tooLarge = () => new Error(`The key set is larger than ${MAX_BYTES} bytes`)
  return await parseKeys(await readUpTo(MAX_BYTES, body.getReader(), tooLarge))
}

async function parseKeys(bytes: Uint8Array): Promise<PublishedKeys> {
  try {
    return await importPublishedKeys(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    // The content of that response does not belong in a log.
    throw new Error('The key set is not a JSON Web Key Set')
  }
}
