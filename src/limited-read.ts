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
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return joined(chunks, length)
    length += value.byteLength
    if (length > limit) throw tooLarge()
    chunks.push(value)
  }
}

/** Most bodies are one chunk, which is not copied. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks
  if (first?.byteLength === length) return first
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}
