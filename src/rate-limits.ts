// Cloudflare's rate limiting bindings: who is counted, by what, and the response beyond the limit.
import type { Bindings } from './bindings.ts'
import { ApiError, Refused } from './errors.ts'

type LimitName = 'SHOPPER_RATE_LIMIT' | 'FAILURE_RATE_LIMIT'

// The period of both bindings in wrangler.toml.
const RETRY_AFTER_SECONDS = '60'

const warned = new Set<string>()

/** @throws ApiError 429 if the account has asked too often */
export async function limitAccount(
  bindings: Bindings,
  storeId: string,
  accountId: string,
): Promise<void> {
  // Safe ids hold no colon, so no two pairs share a key.
  await count(bindings, 'SHOPPER_RATE_LIMIT', `${storeId}:${accountId}`)
}

/** @throws ApiError 429 if the address has failed to authenticate too often */
export async function limitFailures(bindings: Bindings, { headers }: Request): Promise<void> {
  // Cloudflare sets this header on every request; clients cannot choose it.
  await count(bindings, 'FAILURE_RATE_LIMIT', headers.get('CF-Connecting-IP') ?? 'unknown')
}

async function count(bindings: Bindings, name: LimitName, key: string): Promise<void> {
  const binding = bindings[name]
  if (binding === undefined) return warnOnce(name, 'is not bound')
  const { success } = await binding.limit({ key }).catch(() => {
    // A limiter that fails must not close the service that it guards.
    warnOnce(name, 'fails')
    return { success: true }
  })
  if (success) return
  throw new ApiError(429, [{ title: 'Too Many Requests' }], {
    headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    cause: new Refused(name),
  })
}

function warnOnce(name: LimitName, problem: string): void {
  const warning = `${name} ${problem}: requests are not limited`
  if (warned.has(warning)) return
  warned.add(warning)
  console.warn(JSON.stringify({ warning }))
}
