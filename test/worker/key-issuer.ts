// An issuer that publishes its keys, seen through a stub of fetch, and tokens that its keys sign.
import { vi } from 'vitest'
import { accessParts, type Parts, publicHalf, type SigningKey } from './tokens.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND

/** Replaces fetch, and counts its calls. */
export class Issuer {
  fetches: string[] = []
  keys: unknown[] = []
  answer: () => Response | Promise<Response> = () => Response.json({ keys: this.keys })

  constructor() {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      this.fetches.push(String(input))
      // Every request that comes meanwhile must wait for this response.
      await new Promise((resolve) => setTimeout(resolve, 5))
      return await this.answer()
    })
  }

  publish(...keys: SigningKey[]): void {
    this.keys = keys.map(publicHalf)
  }
}

/** Moves the clock on. */
export const pass = (ms: number): unknown => vi.setSystemTime(Date.now() + ms)

/** Signs a token with this key instead, and names the key in it. */
export const signedWith = (key: SigningKey, parts = accessParts()): Parts => ({
  ...parts,
  header: { ...Object(parts.header), alg: key.alg, kid: key.kid },
  key,
})
