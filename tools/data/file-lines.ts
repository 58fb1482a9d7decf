// The lines of a stream of bytes, each with its place; a line of any length takes a bounded memory.

/** Longer than any good line: six texts of 255 characters, each escaped. */
export const MAX_LINE_BYTES = 16 * 1024

export interface Line {
  /** Counted from 1. */
  number: number
  /** Where the next line begins, in bytes from the beginning of the file. */
  end: number
  /** Without its line end; of a longer one the first `MAX_LINE_BYTES`. */
  bytes: Buffer
  isTooLong: boolean
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = Buffer.from('\uFEFF')

/** Yields every line, including blank ones. Text after the last line end is a line too. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line, void> {
  let number = 0
  let end = 0
  /** The beginning of the current line, from earlier chunks. */
  let open: Buffer = Buffer.alloc(0)
  let openBytes = 0
  const lineOf = (rest: Buffer): Line => {
    const length = openBytes + rest.length
    const head = open.length === 0 ? rest : Buffer.concat([open, rest])
    number += 1
    const line = { number, end, bytes: trimmed(head, number), isTooLong: length > MAX_LINE_BYTES }
    open = Buffer.alloc(0)
    openBytes = 0
    return line
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      end += to + 1 - from
      yield lineOf(chunk.subarray(from, to))
      from = to + 1
    }
    const rest = chunk.subarray(from)
    end += rest.length
    openBytes += rest.length
    const kept = rest.subarray(0, Math.max(0, MAX_LINE_BYTES + 1 - open.length))
    // A copy: the chunk need not be kept for it.
    if (kept.length > 0) open = Buffer.concat([open, kept])
  }
  if (openBytes > 0) yield lineOf(Buffer.alloc(0))
}

function trimmed(bytes: Buffer, number: number): Buffer {
  const isMarked = number === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)
  const from = isMarked ? BYTE_ORDER_MARK.length : 0
  const to = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length
  return bytes.subarray(from, Math.min(to, from + MAX_LINE_BYTES))
}
