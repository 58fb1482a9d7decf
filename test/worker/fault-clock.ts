// Whether timers fire on time: on a busy machine, a wait of 3 s may take 5.

const TICK_MS = 50
const LATE_MS = 250

export interface Clock {
  /** Whether no timer has fired late since then. */
  keptTimeSince: (start: number) => boolean
  stop: () => void
}

export function watchClock(): Clock {
  let ticked = Date.now()
  let lastLate = 0
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - ticked > TICK_MS + LATE_MS) lastLate = now
    ticked = now
  }, TICK_MS)
  return { keptTimeSince: (start) => lastLate < start, stop: () => clearInterval(timer) }
}
