// Requests that no client library would write: their heads, and bodies that could hold a server up.

import { setTimeout as sleep, setImmediate as yieldTurn } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import {
  ACCOUNT_TOKEN,
  bearer,
  body,
  CART,
  CHUNKED,
  type Connection,
  type ExpectedAnswer,
  get,
  type HostileExchange,
  head,
  JSON_TYPE,
  post,
  posted,
  read,
  sized,
  type Tokens,
  writing,
} from './raw-http.ts'

export function hostileHeaders({ server, implicit, account }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const many = Array.from({ length: 1_000 }, (_, index) => `X-Header-${index}: ${index}`)
  const long = 'x'.repeat(64 * 1024)
  const reading = (title: string, status: number, ...lines: string[]): HostileExchange => ({
    title,
    send: writing(get(...lines)),
    requests: read(status),
  })
  const posting = (title: string, status: number, ...lines: string[]): HostileExchange => ({
    title,
    send: writing(post(auth, sized(body), ...lines), body),
    requests: posted(status),
  })
  const told = `${ACCOUNT_TOKEN}: ${account}`
  return [
    reading('Two Authorization', 401, auth, auth),
    reading('The account token twice', 200, bearer(implicit), told, told),
    reading('Two account tokens', 403, bearer(implicit), told, `${ACCOUNT_TOKEN}: x`),
    posting('Two Content-Type', 415, JSON_TYPE, JSON_TYPE),
    reading('A header of 64 KiB', 200, auth, `X-Long: ${long}`),
    reading('A token of 64 KiB', 401, bearer(long)),
    reading('An account token of 64 KiB', 403, auth, `${ACCOUNT_TOKEN}: ${long}`),
    reading('1,000 headers', 200, auth, ...many),
    reading('1,000 Authorization', 401, ...Array(1_000).fill('Authorization: Bearer x')),
    reading(
      'Bytes over 0x7f in headers',
      200,
      ...[auth, 'If-None-Match: "\xff"', 'Origin: \xe9', 'X-D1-Bookmark: \x80'],
    ),
    reading('Bytes over 0x7f in a token', 401, bearer('\xff\xfe.\xc3.\xa9')),
    ...[
      reading('NUL in a header', 400, auth, 'X-Nul: a\0b'),
      reading('NUL in a token', 401, bearer('a\0b')),
      reading('A folded header', 200, auth, 'X: a\r\n b'),
      reading('A space before the colon', 200, auth, 'X : a'),
    ].map((exchange) => ({ ...exchange, refusable: true })),
    posting('Expect: 100-continue', 204, 'Expect: 100-continue'),
    reading('An upgrade', 200, auth, 'Connection: Upgrade', 'Upgrade: h2c'),
  ]
}

const health = (target = '/healthz', version = 'HTTP/1.1') => head(`GET ${target} ${version}`)
const healthy = (path = '/healthz', status = 200): ExpectedAnswer => ({
  method: 'GET',
  path,
  statuses: [status],
})

/** First lines of requests. */
export function hostileTargets({ server }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const ofCart = (cart: string): HostileExchange => ({
    title: `The target ${JSON.stringify(cart.slice(0, 20))}`,
    send: writing(head(`GET /v2/carts/${cart} HTTP/1.1`, auth)),
    requests: [healthy('/v2/carts/x', 400)],
    refusable: true,
  })
  const malformed = (title: string, ...parts: string[]): HostileExchange => ({
    title,
    send: writing(...parts),
    requests: [healthy()],
    refusable: true,
  })
  return [
    ...['\xff\xfe', 'a|b<>"{}^', 'a\0b', '%00', '%', 'a'.repeat(60_000), '..%2f..'].map(ofCart),
    {
      title: 'A target in absolute form',
      send: writing(health('http://other.example/healthz')),
      requests: [healthy()],
    },
    {
      title: 'A target in asterisk form',
      send: writing(head('OPTIONS * HTTP/1.1')),
      requests: [{ method: 'OPTIONS', path: '*', statuses: [204] }],
    },
    { title: 'A GET in asterisk form', send: writing(health('*')), requests: [healthy('*', 404)] },
    malformed('A method that nobody knows', head('HACK /healthz HTTP/1.1')),
    { title: 'HTTP/1.0', send: writing(health('/healthz', 'HTTP/1.0')), requests: [healthy()] },
    malformed('HTTP/9.9', health('/healthz', 'HTTP/9.9')),
    malformed('HTTP/0.9', 'GET /healthz\r\n\r\n'),
    malformed('HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    malformed('TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'),
    malformed('No Host', 'GET /healthz HTTP/1.1\r\n\r\n'),
    malformed('Line ends without CR', 'GET /healthz HTTP/1.1\nHost: api.example\n\n'),
  ]
}

/** Requests whose end is ambiguous. */
export function hostileFraming({ server }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const framed = (title: string, lines: string[], ...parts: string[]): HostileExchange => ({
    title,
    send: writing(post(auth, ...lines), ...parts),
    requests: posted(204, 400),
    refusable: true,
  })
  const smuggled = `0\r\n\r\n${head('GET /healthz HTTP/1.1')}`
  return [
    {
      title: 'Pipelined requests',
      send: writing(health() + get() + health()),
      requests: [healthy(), healthy(CART, 401), healthy()],
    },
    {
      title: 'A second request right behind a body',
      send: writing(post(auth, sized(body)), body + health()),
      requests: [...posted(204), healthy()],
    },
    {
      title: 'A second request right behind chunks, announced behind a tab',
      send: writing(post(auth, 'Transfer-Encoding:\tchunked'), smuggled),
      requests: [...posted(400), healthy()],
    },
    {
      title: 'A GET with a body',
      send: writing(head('GET /healthz HTTP/1.1', sized(body)), body),
      requests: [healthy()],
    },
    framed('Two Content-Length that differ', [sized(body), 'Content-Length: 5'], body),
    framed('Two Content-Length that agree', [sized(body), sized(body)], body),
    framed('A negative Content-Length', ['Content-Length: -1'], body),
    framed('A signed Content-Length', ['Content-Length: +44'], body),
    framed('A Content-Length beyond 64 bits', [`Content-Length: ${'9'.repeat(30)}`], body),
    framed('Content-Length beside chunks', [sized(body), CHUNKED], smuggled),
    framed('Chunks beside Content-Length', [CHUNKED, 'Content-Length: 4'], smuggled),
    framed('An unknown Transfer-Encoding', ['Transfer-Encoding: xchunked'], smuggled),
    framed('Two Transfer-Encoding', [CHUNKED, 'Transfer-Encoding: identity'], smuggled),
    framed('A chunk size that is no number', [CHUNKED], 'zz\r\n'),
    framed('A negative chunk size', [CHUNKED], '-5\r\n'),
    framed('A chunk size beyond 64 bits', [CHUNKED], `${'f'.repeat(20)}\r\n`),
    framed('A chunk longer than its size', [CHUNKED], '1\r\n[][][]\r\n0\r\n\r\n'),
    {
      title: 'A sender that has said all and listens',
      send: async ({ write, socket }) => {
        await write(post(auth, sized(body)) + body)
        socket.end()
      },
      requests: posted(204),
    },
    {
      title: 'A sender that says half and listens',
      send: async ({ write, socket }) => {
        await write(post(auth, sized(body)) + body.slice(0, 10))
        socket.end()
      },
      requests: posted(400),
    },
    {
      title: 'A sender that breaks off',
      send: async ({ write, socket }) => {
        await write(post(auth, sized(body)) + body.slice(0, 10))
        socket.resetAndDestroy()
      },
      requests: [],
    },
  ]
}

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
