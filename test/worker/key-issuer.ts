// Another issuer that publishes its keys, as fetch meets it, and tokens that they sign.
import { vi } from 'vitest'
import { accessParts, type Parts, publicHalf, type SigningKey } from './tokens.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND

/** Stands in for fetch, and counts how often it was asked. */
export class Issuer {
  fetches: string[] = []
  keys: unknown[] = []
  answer: () => Response | Promise<Response> = () => Response.json({ keys: this.keys })

  constructor() {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      this.fetches.push(String(input))
      // Whoever asks meanwhile is to wait for the same answer.
      await new Promise((resolve) => setTimeout(resolve, 5))
      return await this.answer()
    })
  }

  publish(...keys: SigningKey[]): void {
    this.keys = keys.map(publicHalf)
  }
}

/** Lets time pass, of which only the test tells. */
export const pass = (ms: number): unknown => vi.setSystemTime(Date.now() + ms)

/** The same token, of a key that it names. */
export const signedWith = (key: SigningKey, parts = accessParts()): Parts => ({
  ...parts,
  header: { ...Object(parts.header), alg: key.alg, kid: key.kid },
  key,
})
