// Waits for the Worker's deadlines in less time than they take.
import { vi } from 'vitest'

/**
 * Fires each timer at once and moves every clock, until `vi.useRealTimers`. Only for requests that
 * wait for nothing but timers: the deadline of a request that waits for a reply would pass too.
 */
export function skipWaiting(): void {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
  vi.setTimerTickMode('nextTimerAsync')
}

const LONG_MS = 5_000

/** Fires timers of 5 s and more ten times as fast; moves no clock; until `vi.unstubAllGlobals`. */
export function shortenDeadlines(): void {
  const { setTimeout } = globalThis
  vi.stubGlobal('setTimeout', (callback: () => void, ms = 0) =>
    setTimeout(callback, ms < LONG_MS ? ms : ms / 10),
  )
}
