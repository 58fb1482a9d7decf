// Reading a stream whose length is somebody else's to choose.

/**
 * All bytes of the stream, which are at most `limit`; a declared length may be absent, or a lie.
 *
 * @throws whatever `tooLarge` makes, as soon as there is one byte more
 */
export async function readUpTo(
  limit: number,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  // One buffer: workerd keeps 4 KiB for each chunk that is held, were it of one byte.
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
