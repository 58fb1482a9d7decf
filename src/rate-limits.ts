// Cloudflare's rate limiting bindings: who is counted, by what, and the response beyond the limit.
import type { Bindings } from './bindings.ts'
import { ApiError, Refused } from './errors.ts'

type LimitName = 'SHOPPER_RATE_LIMIT' | 'TOKEN_RATE_LIMIT' | 'FAILURE_RATE_LIMIT'

// The period of the bindings in wrangler.toml.
const RETRY_AFTER_SECONDS = '60'

/** Requests of other people's Workers come from these 48 bits, so nobody is counted by them. */
const WORKERS = '2a06:98c0:3600:'

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

/** @throws ApiError 429 if the address has asked too often for tokens of this grant */
export async function limitTokenRequests(
  bindings: Bindings,
  request: Request,
  grantType: string,
): Promise<void> {
  const address = addressOf(request)
  if (address !== undefined) await count(bindings, 'TOKEN_RATE_LIMIT', `${grantType}:${address}`)
}

/** @throws ApiError 429 if the address has failed to authenticate too often */
export async function limitFailures(bindings: Bindings, request: Request): Promise<void> {
  const address = addressOf(request)
  if (address !== undefined) await count(bindings, 'FAILURE_RATE_LIMIT', address)
}

/** The address to count by; an IPv6 one by its first 64 bits, of which a subscriber has all others. */
function addressOf({ headers }: Request): string | undefined {
  // Cloudflare sets this header on every request; clients cannot choose it.
  const address = headers.get('CF-Connecting-IP')
  if (address === null) {
    warnOnce('CF-Connecting-IP is missing: requests are not limited by address')
    return undefined
  }
  const network = address.includes(':') ? networkOf(address) : address
  return network.startsWith(WORKERS) ? undefined : network
}

/** The first four groups, as in `2001:db8:0:1`; an IPv4 address that is written as IPv6 stays whole. */
function networkOf(address: string): string {
  // The URL parser writes each address in one way only (RFC 5952, section 4).
  const text = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1)
  if (text === undefined || text.startsWith('::ffff:')) return text ?? address
  const [head = [], tail = []] = text.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}

async function count(bindings: Bindings, name: LimitName, key: string): Promise<void> {
  const binding = bindings[name]
  if (binding === undefined) return warnOnce(`${name} is not bound: requests are not limited`)
  const { success } = await binding.limit({ key }).catch(() => {
    // A limiter that fails must not close the service that it guards.
    warnOnce(`${name} fails: requests are not limited`)
    return { success: true }
  })
  if (success) return
  throw new ApiError(429, [{ title: 'Too Many Requests' }], {
    headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    cause: new Refused(name),
  })
}

function warnOnce(warning: string): void {
  if (warned.has(warning)) return
  warned.add(warning)
  console.warn(JSON.stringify({ warning }))
}
