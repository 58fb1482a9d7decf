// Bounds on what others control: how long to wait, and how many bytes to read.

/**
 * Settles as `work` does, or rejects with `late()` after `ms` milliseconds.
 * Does not cancel the work: its caller does.
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

/**
 * Reads all bytes of a stream, at most `limit`; a declared length may be absent or a lie.
 *
 * @throws the error of `tooLarge`, at the first byte beyond the limit
 */
export async function readUpTo(
  limit: number,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  // One buffer: workerd keeps 4 KiB for each chunk that is held, even for a chunk of one byte.
  const bytes = new Uint8Array(limit)
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return bytes.subarray(0, length)
    if (length + value.byteLength > limit) throw tooLarge()
    bytes.set(value, length)
    length += value.byteLength
  }
}
