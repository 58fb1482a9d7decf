// Request bodies that count how they are read.

/** Makes an endless body, and counts how often it is asked for more. */
export function endlessBody(): { body: ReadableStream<Uint8Array>; pulls: () => number } {
  let pulls = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls += 1
        controller.enqueue(new Uint8Array(1_000))
      },
    },
    { highWaterMark: 0 },
  )
  return { body, pulls: () => pulls }
}
