// Waiting, but not for ever.

/**
 * Settles as `work` does, or rejects with `late()` after `ms` milliseconds.
 * The work itself is not cancelled: whoever started it stops it.
 */
export function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms)
    const settleBy =
      <Result>(settle: (result: Result) => void) =>
      (result: Result) => {
        clearTimeout(timer)
        settle(result)
      }
    work.then(settleBy(resolve), settleBy(reject))
  })
}
