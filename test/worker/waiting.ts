// Waiting for the Worker's deadlines in less time than they take.
import { vi } from 'vitest'

/**
 * Passes the time of each timer at once, on every clock, until `vi.useRealTimers`. Only for requests that
 * wait for nothing but timers: the deadline of a real answer would pass too.
 */
export function skipWaiting(): void {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
  vi.setTimerTickMode('nextTimerAsync')
}

const LONG_MS = 5_000

/** Runs the timers of 5 s and more ten times as fast, and no clock, until `vi.unstubAllGlobals`. */
export function shortenDeadlines(): void {
  const { setTimeout } = globalThis
  vi.stubGlobal('setTimeout', (callback: () => void, ms = 0) =>
    setTimeout(callback, ms < LONG_MS ? ms : ms / 10),
  )
}
