// Stand-ins for bindings whose real state would take many requests, or much time, to reach.
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import { publicHalf, type SigningKey } from './tokens.ts'

/** A rate limit that is always exceeded. */
export const exhaustedLimit: RateLimit = { limit: async () => ({ success: false }) }

/** A rate limit that is exceeded at every nth call. */
export function limitExceededAt(n: number): RateLimit {
  let calls = 0
  return {
    limit: async () => {
      calls += 1
      return { success: calls % n !== 0 }
    },
  }
}

/** Turns the rate limits off until the test ends: asking them is the slowest part of a refusal. */
export function liftLimits(): void {
  for (const limit of [env.SHOPPER_RATE_LIMIT, env.FAILURE_RATE_LIMIT]) {
    if (limit === undefined) throw new Error('A rate limit is not bound')
    vi.spyOn(limit, 'limit').mockResolvedValue({ success: true })
  }
}

// Waits for the Worker's deadlines in less time than they take.
/**
 * Fires each timer at once and moves every clock, until `vi.useRealTimers`. Only for requests that
 * wait for nothing but timers: the deadline of a request that waits for a reply would pass too.
 */
export function skipWaiting(): void {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
  vi.setTimerTickMode('nextTimerAsync')
}

/** Fires timers of 5 s and more ten times as fast; moves no clock; until `vi.unstubAllGlobals`. */
export function shortenDeadlines(): void {
  const { setTimeout } = globalThis
  vi.stubGlobal('setTimeout', (callback: () => void, ms = 0) =>
    setTimeout(callback, ms < 5_000 ? ms : ms / 10),
  )
}

// An issuer that publishes its keys, seen through a stub of fetch.
export const SECOND = 1000
export const MINUTE = 60 * SECOND

/** Replaces fetch, and counts its calls. */
export class Issuer {
  fetches: string[] = []
  keys: unknown[] = []
  /** Answers in the place of a good response, while it is set. */
  answer: (() => Response | Promise<Response>) | undefined

  constructor() {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      this.fetches.push(String(input))
      // Every request that comes meanwhile must wait for this response.
      await new Promise((resolve) => setTimeout(resolve, 5))
      return (await this.answer?.()) ?? Response.json({ keys: this.keys })
    })
  }

  publish(...keys: SigningKey[]): void {
    this.keys = keys.map(publicHalf)
  }
}

/** Moves the clock on. */
export const pass = (ms: number): unknown => vi.setSystemTime(Date.now() + ms)
