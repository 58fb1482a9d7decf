// HTTP/1.1 as bytes on a socket: what no client library would send, and the answers to it.
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
  body: string
}

/** One connection, of which the other side may take or refuse whatever is written. */
export interface Connection {
  socket: Socket
  /** The next answer, or nothing if the connection ends or is silent for so long. */
  answer: (method: string, patienceMs: number) => Promise<RawAnswer | undefined>
  /** Whether anything has come back, be it the end. */
  heard: () => boolean
  /** Writes at the pace of the reader; returns whether all of it was taken. */
  write: (bytes: string | Uint8Array) => Promise<boolean>
}

const LINE_END = '\r\n'

export function open(url: string): Connection {
  const { hostname, port } = new URL(url)
  // Left half open, as the other side may answer after it has heard all.
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
  // A reset is an end as good as any: what was received before it counts.
  socket.on('error', () => undefined)
  return {
    socket,
    answer: async (method, patienceMs) => {
      const giveUpAt = Date.now() + patienceMs
      for (;;) {
        const parsed = parse(received, method, ended)
        if (parsed !== undefined) {
          received = received.subarray(parsed.length)
          // An interim response is no answer yet (RFC 9110, section 15.2).
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

/** The first answer of these bytes and its length, once all of it is there. */
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
