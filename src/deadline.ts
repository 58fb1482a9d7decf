// Waiting, but not for ever.

/**
 * Settles as `work` does, or rejects with `late()` after `ms` milliseconds.
 * The work itself is not cancelled: whoever started it stops it.
 */
export async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const expiry = Promise.withResolvers<never>()
  const timer = setTimeout(() => expiry.reject(late()), ms)
  try {
    return await Promise.race([work, expiry.promise])
  } finally {
    clearTimeout(timer)
  }
}
