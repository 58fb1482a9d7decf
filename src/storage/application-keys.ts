// Application keys, which `npx cart-accounts keys` makes: who may ask for access tokens.
import { eq, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { builder, named, prepare, type RowOf } from './queries.ts'
import { applicationKeys } from './schema.ts'

const { clientId, storeId, secretDigest } = applicationKeys

const keyOfClient = builder
  .select({ storeId: named(storeId, 'storeId'), secretDigest: named(secretDigest, 'secretDigest') })
  .from(applicationKeys)
  .where(eq(clientId, sql.placeholder('clientId')))

/** `secretDigest` is the SHA-256 of the secret in hex; `null` allows the implicit grant only. */
export type ApplicationKey = RowOf<typeof keyOfClient>

const selectKey = prepare<{ clientId: string }, ApplicationKey>(keyOfClient)

const KEPT_MS = 60_000
const UNKNOWN_KEPT_MS = 10_000
const MAX_KEPT = 1_000

/** The application keys that this isolate has looked up. A revoked key is refused after a minute. */
export class ApplicationKeys {
  readonly #known = new Map<string, { key: ApplicationKey; until: number }>()
  /** Client ids that have no key, by the time until which they are kept. */
  readonly #unknown = new Map<string, number>()

  /**
   * Returns the key of a client; opens the database only if it has to be asked.
   *
   * @throws UnavailableError
   */
  async find(clientId: string, open: () => Database): Promise<ApplicationKey | undefined> {
    const now = Date.now()
    const known = this.#known.get(clientId)
    if (known !== undefined && now < known.until) return known.key
    if (now < (this.#unknown.get(clientId) ?? 0)) return undefined
    const [[key]] = await open().query(selectKey({ clientId }))
    if (key === undefined) keep(this.#unknown, clientId, now + UNKNOWN_KEPT_MS)
    else keep(this.#known, clientId, { key, until: now + KEPT_MS })
    return key
  }
}

/** Strangers who guess fill the unknown ids, so the keys that storefronts use have a map of their own. */
function keep<Value>(map: Map<string, Value>, clientId: string, value: Value): void {
  map.delete(clientId)
  const [oldest] = map.size < MAX_KEPT ? [] : map.keys()
  if (oldest !== undefined) map.delete(oldest)
  map.set(clientId, value)
}

/** The digest of no secret: an unknown client takes as long as a known one. */
const NO_DIGEST = '0'.repeat(64)

/** Whether the secret is the key's; compares in constant time, for an unknown client too. */
export async function matchesSecret(
  secret: string,
  key: ApplicationKey | undefined,
): Promise<boolean> {
  const bytes = new TextEncoder().encode(secret)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const expected = Uint8Array.fromHex(key?.secretDigest ?? NO_DIGEST)
  return crypto.subtle.timingSafeEqual(digest, expected)
}
