// Client secrets, of which only the SHA-256 is stored.

/** What no secret hashes to, so that an unknown client takes the path of a known one. */
const NO_DIGEST = '0'.repeat(64)

/** Whether the secret has this digest, in hex; compared in constant time. */
export async function matchesDigest(secret: string, digest = NO_DIGEST): Promise<boolean> {
  const bytes = new Uint8Array(
    await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)),
  )
  const expected = Uint8Array.fromHex(digest)
  return crypto.subtle.timingSafeEqual(bytes, expected)
}
