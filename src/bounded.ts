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
  const first = await reader.read()
  if (first.done) return new Uint8Array()
  if (first.value.byteLength > limit) throw tooLarge()
  // Most bodies come in one chunk, which need not be copied.
  let next = await reader.read()
  if (next.done) return first.value
  // One buffer: workerd keeps 4 KiB for each chunk that is held, even for a chunk of one byte.
  const bytes = new Uint8Array(limit)
  bytes.set(first.value)
  let length = first.value.byteLength
  while (!next.done) {
    if (length + next.value.byteLength > limit) throw tooLarge()
    bytes.set(next.value, length)
    length += next.value.byteLength
    next = await reader.read()
  }
  return bytes.subarray(0, length)
}
