// Bodies that could hold a server up: endless, too long, or not what they seem.
import { setTimeout as sleep, setImmediate as yieldTurn } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import {
  bearer,
  body,
  CHUNKED,
  type ExpectedAnswer,
  type HostileExchange,
  head,
  JSON_TYPE,
  post,
  posted,
  sized,
  type Tokens,
  writing,
} from './hostile-exchanges.ts'
import type { Connection } from './raw-http.ts'

const MB = 1024 * 1024
const DEADLINE = { min: 9_900, max: 11_000 }
const late: ExpectedAnswer[] = posted(408).map((each) => ({ ...each, afterMs: DEADLINE }))

/** Writes parts until the other side responds or hangs up. */
function flooding(start: string, part: string, parts: number) {
  return async ({ write, heard }: Connection) => {
    await write(start)
    for (let sent = 0; sent < parts && !heard(); sent += 1) {
      if (!(await write(part))) return
      await yieldTurn()
    }
  }
}

const piece = ' '.repeat(16 * 1024)
const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`
const declared = `Content-Length: ${100 * MB}`

/** Bodies that never end, all sent at once, for 10 s. */
export function stalledBodies({ server }: Tokens): HostileExchange[] {
  const half = [post(bearer(server), JSON_TYPE, sized(body)), body.slice(0, 10)]
  const tokenPath = '/oauth/access_token'
  return [
    { title: 'A body that stalls', send: writing(...half), requests: late },
    {
      title: 'A chunked body that stalls',
      send: writing(post(bearer(server), CHUNKED), '1\r\n[\r\n'),
      requests: late,
    },
    {
      title: 'A body that never begins',
      send: writing(post(bearer(server), sized(body))),
      requests: late,
    },
    {
      title: 'A body that trickles, one byte a second',
      send: async ({ write, heard }) => {
        await write(post(bearer(server), sized(body)))
        for (const byte of body) {
          if (heard() || !(await write(byte))) return
          await sleep(1_000)
        }
      },
      requests: late,
    },
    {
      title: 'A token request that stalls',
      send: writing(head(`POST ${tokenPath} HTTP/1.1`, 'Content-Length: 100'), 'grant_type='),
      requests: [{ method: 'POST', path: tokenPath, statuses: [408], afterMs: DEADLINE }],
    },
    ...Array.from({ length: 100 }, () => ({
      title: 'A hundred bodies that stall',
      send: writing(...half),
      requests: late,
    })),
  ]
}

/** Bodies that are too long, or that the Worker must not read. */
export function longBodies({ server }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const flood = (title: string, status: number, start: string, part: string): HostileExchange => ({
    title,
    send: flooding(start, part, 6_400),
    requests: posted(status),
    refusable: true,
  })
  const short = (title: string, status: number, ...parts: string[]): HostileExchange => ({
    title,
    send: writing(...parts),
    requests: posted(status),
  })
  return [
    short('100 MB declared', 413, post(auth, declared)),
    flood('100 MB declared and sent', 413, post(auth, declared), piece),
    flood('100 MB chunked', 413, post(auth, CHUNKED), chunk),
    short('65,537 bytes chunked', 413, post(auth, CHUNKED), chunk.repeat(4), '1\r\n \r\n'),
    short('100 MB declared, without a token', 401, post(declared)),
    flood('100 MB declared and sent, without a token', 401, post(declared), piece),
    flood('100 MB chunked, without a token', 401, post(CHUNKED), chunk),
    short('A body that stalls, without a token', 401, post(sized(body)), '{'),
  ]
}

export function compressedBodies({ server }: Tokens): HostileExchange[] {
  const bomb = gzipSync(Buffer.alloc(50 * MB, ' '), { level: 9 })
  const encodings = [
    { encoding: 'gzip', bytes: gzipSync(body) },
    { encoding: 'deflate', bytes: deflateSync(body) },
    { encoding: 'br', bytes: brotliCompressSync(body) },
    { encoding: 'gzip, a bomb', bytes: bomb.subarray(0, 60_000) },
    { encoding: 'gzip, JSON after all', bytes: body },
  ]
  return encodings.map(({ encoding, bytes }) => ({
    title: `Content-Encoding: ${encoding}`,
    send: writing(
      post(bearer(server), JSON_TYPE, `Content-Encoding: ${encoding.split(',')[0]}`, sized(bytes)),
      bytes,
    ),
    // The Worker decodes no body, and reads none whose coding says that it should.
    requests: posted(415),
  }))
}
