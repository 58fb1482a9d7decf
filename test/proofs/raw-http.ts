// HTTP/1.1 as bytes on a socket: what a stranger writes, and what must come back.
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  status: number
  /** Names are in lower case. */
  headers: Record<string, string>
  body: string
}

/** A connection whose other side may read or refuse whatever is written. */
export interface Connection {
  socket: Socket
  /** Returns the next response, or nothing if the connection ends or stays silent for so long. */
  answer: (method: string, patienceMs: number) => Promise<RawAnswer | undefined>
  /** Whether anything has arrived, even if only the end. */
  heard: () => boolean
  /** Writes at the reader's pace; returns whether all of it was taken. */
  write: (bytes: string | Uint8Array) => Promise<boolean>
}

const LINE_END = '\r\n'

export function open(url: string): Connection {
  const { hostname, port } = new URL(url)
  // Stays half open, because the other side may respond after it has read everything.
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let received = Buffer.alloc(0)
  let ended = false
  let wake = () => {}
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, Buffer.from(bytes)])
    wake()
  })
  for (const event of ['end', 'close'] as const) {
    socket.on(event, () => {
      ended = true
      wake()
    })
  }
  // A reset counts as an end: what was received before it is kept.
  socket.on('error', () => undefined)
  return {
    socket,
    answer: async (method, patienceMs) => {
      const giveUpAt = Date.now() + patienceMs
      for (;;) {
        const parsed = parse(received, method, ended)
        if (parsed !== undefined) {
          received = received.subarray(parsed.length)
          // An interim response does not count (RFC 9110, section 15.2).
          if (parsed.answer.status >= 200) return parsed.answer
          continue
        }
        const leftMs = giveUpAt - Date.now()
        if (ended || leftMs <= 0) return undefined
        const woken = Promise.withResolvers<void>()
        wake = woken.resolve
        const timer = setTimeout(woken.resolve, leftMs)
        await woken.promise
        clearTimeout(timer)
      }
    },
    heard: () => ended || received.length > 0,
    write: async (bytes) => {
      if (ended || !socket.writable) return false
      const taken = Promise.withResolvers<boolean>()
      const closed = () => taken.resolve(false)
      socket.once('close', closed)
      socket.write(bytes, 'latin1', (error) => taken.resolve(error === undefined || error === null))
      const all = await taken.promise
      socket.off('close', closed)
      return all
    },
  }
}

/** Parses the first response in these bytes, and its length, once it is complete. */
function parse(
  bytes: Buffer,
  method: string,
  ended: boolean,
): { answer: RawAnswer; length: number } | undefined {
  const text = bytes.toString('latin1')
  const headEnd = text.indexOf(LINE_END + LINE_END)
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split(LINE_END)
  const status = Number(statusLine.split(' ')[1])
  const headers = Object.fromEntries(lines.map(toHeader))
  const start = headEnd + 4
  const answer = (body: string, length: number) => ({
    answer: { status, headers, body: Buffer.from(body, 'latin1').toString('utf8') },
    length,
  })
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304)
    return answer('', start)
  if (headers['transfer-encoding'] === 'chunked') {
    const end = text.indexOf(`${LINE_END}0${LINE_END}${LINE_END}`, start - 2)
    return end === -1 ? undefined : answer(unchunked(text.slice(start, end)), end + 7)
  }
  const length = headers['content-length']
  if (length === undefined) return ended ? answer(text.slice(start), text.length) : undefined
  const end = start + Number(length)
  return end > text.length ? undefined : answer(text.slice(start, end), end)
}

function toHeader(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

function unchunked(text: string): string {
  const lineEnd = text.indexOf(LINE_END)
  const size = Number.parseInt(text.slice(0, lineEnd), 16)
  if (lineEnd === -1 || Number.isNaN(size)) return ''
  const start = lineEnd + 2
  return text.slice(start, start + size) + unchunked(text.slice(start + size + 2))
}
