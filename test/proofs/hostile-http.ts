// Requests that no client library would write: their heads, and bodies that could hold a server up.
import { setTimeout as sleep, setImmediate as yieldTurn } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type { Connection } from './raw-http.ts'

export interface HostileExchange {
  title: string
  send: (connection: Connection) => Promise<void>
  /** The requests that get a response, in order; no further response may follow. */
  requests: ExpectedAnswer[]
  /** Whether workerd may refuse it, by a response of its own or by hanging up. */
  refusable?: boolean
}

export interface ExpectedAnswer {
  method: string
  path: string
  /** The statuses that are allowed. */
  statuses: number[]
  /** The time within which the response must come. */
  afterMs?: { min: number; max: number }
}

export interface Tokens {
  server: string
  implicit: string
  account: string
}

const CART = '/v2/carts/hostile'
const ACCOUNTS = `${CART}/relationships/accounts`
const JSON_TYPE = 'Content-Type: application/json'
const CHUNKED = 'Transfer-Encoding: chunked'
const body = '{"data":[{"type":"account","id":"hostile"}]}'

const sized = (text: string | Uint8Array) => `Content-Length: ${text.length}`
const bearer = (token: string) => `Authorization: Bearer ${token}`
const accountToken = (token: string) => `EP-Account-Management-Authentication-Token: ${token}`

function head(requestLine: string, ...headers: string[]): string {
  return `${[requestLine, 'Host: api.example', ...headers].join('\r\n')}\r\n\r\n`
}
const post = (...headers: string[]) => head(`POST ${ACCOUNTS} HTTP/1.1`, ...headers)
const get = (...headers: string[]) => head(`GET ${CART} HTTP/1.1`, ...headers)
const health = (target = '/healthz', version = 'HTTP/1.1') => head(`GET ${target} ${version}`)

const answered = (method: string, path: string, ...statuses: number[]): ExpectedAnswer => ({
  method,
  path,
  statuses,
})
const posted = (...statuses: number[]) => [answered('POST', ACCOUNTS, ...statuses)]
const read = (...statuses: number[]) => [answered('GET', CART, ...statuses)]
const healthy = answered('GET', '/healthz', 200)

/** An exchange in which all is written, part after part, whatever comes back. */
function exchange(
  title: string,
  requests: ExpectedAnswer[],
  ...parts: (string | Uint8Array)[]
): HostileExchange {
  const send = async ({ write }: Connection) => {
    for (const part of parts) await write(part)
  }
  return { title, requests, send }
}

const refusable = (exchange: HostileExchange) => ({ ...exchange, refusable: true })

/** A request like any other. */
export function ordinaryPost(title: string, { server }: Tokens, status: number): HostileExchange {
  return exchange(title, posted(status), post(bearer(server), sized(body)) + body)
}

export function ordinaryGet(title: string, { server }: Tokens): HostileExchange {
  return exchange(title, read(200), get(bearer(server)))
}

export function hostileHeaders({ server, implicit, account }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const many = Array.from({ length: 1_000 }, (_, index) => `X-Header-${index}: ${index}`)
  const long = 'x'.repeat(64 * 1024)
  const told = accountToken(account)
  const bytes = ['If-None-Match: "\xff"', 'Origin: \xe9', 'X-D1-Bookmark: \x80']
  const reading = (title: string, status: number, ...lines: string[]) =>
    exchange(title, read(status), get(...lines))
  const posting = (title: string, status: number, ...lines: string[]) =>
    exchange(title, posted(status), post(auth, sized(body), ...lines), body)
  return [
    reading('Two Authorization', 401, auth, auth),
    reading('The account token twice', 200, bearer(implicit), told, told),
    reading('Two account tokens', 403, bearer(implicit), told, accountToken('x')),
    posting('Two Content-Type', 415, JSON_TYPE, JSON_TYPE),
    reading('A header of 64 KiB', 200, auth, `X-Long: ${long}`),
    reading('A token of 64 KiB', 401, bearer(long)),
    reading('An account token of 64 KiB', 403, auth, accountToken(long)),
    reading('1,000 headers', 200, auth, ...many),
    reading('1,000 Authorization', 401, ...Array(1_000).fill(bearer('x'))),
    reading('Bytes over 0x7f in headers', 200, auth, ...bytes),
    reading('Bytes over 0x7f in a token', 401, bearer('\xff\xfe.\xc3.\xa9')),
    refusable(reading('NUL in a header', 400, auth, 'X-Nul: a\0b')),
    refusable(reading('NUL in a token', 401, bearer('a\0b'))),
    refusable(reading('A folded header', 200, auth, 'X: a\r\n b')),
    refusable(reading('A space before the colon', 200, auth, 'X : a')),
    posting('Expect: 100-continue', 204, 'Expect: 100-continue'),
    reading('An upgrade', 200, auth, 'Connection: Upgrade', 'Upgrade: h2c'),
  ]
}

/** First lines of requests. */
export function hostileTargets({ server }: Tokens): HostileExchange[] {
  const carts = ['\xff\xfe', 'a|b<>"{}^', 'a\0b', '%00', '%', 'a'.repeat(60_000), '..%2f..']
  const malformed = (title: string, bytes: string) => refusable(exchange(title, [healthy], bytes))
  return [
    ...carts.map((cart) => {
      const title = `The target ${JSON.stringify(cart.slice(0, 20))}`
      const bytes = head(`GET /v2/carts/${cart} HTTP/1.1`, bearer(server))
      return refusable(exchange(title, [answered('GET', '/v2/carts/x', 400)], bytes))
    }),
    exchange('A target in absolute form', [healthy], health('http://other.example/healthz')),
    exchange(
      'A target in asterisk form',
      [answered('OPTIONS', '*', 204)],
      head('OPTIONS * HTTP/1.1'),
    ),
    exchange('A GET in asterisk form', [answered('GET', '*', 404)], health('*')),
    malformed('A method that nobody knows', head('HACK /healthz HTTP/1.1')),
    exchange('HTTP/1.0', [healthy], health('/healthz', 'HTTP/1.0')),
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
  const whole = post(auth, sized(body)) + body
  const half = post(auth, sized(body)) + body.slice(0, 10)
  const smuggled = `0\r\n\r\n${health()}`
  const framed = (title: string, lines: string[], rest: string) =>
    refusable(exchange(title, posted(204, 400), post(auth, ...lines), rest))
  const ended = (
    exchange: HostileExchange,
    end: 'end' | 'resetAndDestroy' = 'end',
  ): HostileExchange => ({
    ...exchange,
    send: async (connection) => {
      await exchange.send(connection)
      connection.socket[end]()
    },
  })
  return [
    exchange(
      'Pipelined requests',
      [healthy, answered('GET', CART, 401), healthy],
      health() + get() + health(),
    ),
    exchange(
      'A second request right behind a body',
      [...posted(204), healthy],
      post(auth, sized(body)),
      body + health(),
    ),
    exchange(
      'A second request right behind chunks, announced behind a tab',
      [...posted(400), healthy],
      post(auth, 'Transfer-Encoding:\tchunked'),
      smuggled,
    ),
    exchange('A GET with a body', [healthy], head('GET /healthz HTTP/1.1', sized(body)), body),
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
    ended(exchange('A sender that has said all and listens', posted(204), whole)),
    ended(exchange('A sender that says half and listens', posted(400), half)),
    ended(exchange('A sender that breaks off', [], half), 'resetAndDestroy'),
  ]
}

const MB = 1024 * 1024
const DEADLINE = { min: 9_900, max: 11_000 }

/** Bodies that never end, all sent at once, for 10 s. */
export function stalledBodies({ server }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const late = (expected: ExpectedAnswer) => [{ ...expected, afterMs: DEADLINE }]
  const timeout = late(answered('POST', ACCOUNTS, 408))
  const path = '/oauth/access_token'
  const half = [post(auth, JSON_TYPE, sized(body)), body.slice(0, 10)]
  return [
    exchange('A body that stalls', timeout, ...half),
    exchange('A chunked body that stalls', timeout, post(auth, CHUNKED), '1\r\n[\r\n'),
    exchange('A body that never begins', timeout, post(auth, sized(body))),
    {
      title: 'A body that trickles, one byte a second',
      requests: timeout,
      send: async ({ write, heard }) => {
        await write(post(auth, sized(body)))
        for (const byte of body) {
          if (heard() || !(await write(byte))) return
          await sleep(1_000)
        }
      },
    },
    exchange(
      'A token request that stalls',
      late(answered('POST', path, 408)),
      head(`POST ${path} HTTP/1.1`, 'Content-Length: 100'),
      'grant_type=',
    ),
    ...Array(100).fill(exchange('A hundred bodies that stall', timeout, ...half)),
  ]
}

/** Bodies that are too long, or that the Worker must not read. */
export function longBodies({ server }: Tokens): HostileExchange[] {
  const auth = bearer(server)
  const piece = ' '.repeat(16 * 1024)
  const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`
  const declared = `Content-Length: ${100 * MB}`
  /** Writes parts until the other side responds or hangs up. */
  const flood = (title: string, status: number, start: string, part: string): HostileExchange => ({
    title,
    requests: posted(status),
    refusable: true,
    send: async ({ write, heard }) => {
      await write(start)
      for (let sent = 0; sent < 6_400 && !heard(); sent += 1) {
        if (!(await write(part))) return
        await yieldTurn()
      }
    },
  })
  return [
    exchange('100 MB declared', posted(413), post(auth, declared)),
    flood('100 MB declared and sent', 413, post(auth, declared), piece),
    flood('100 MB chunked', 413, post(auth, CHUNKED), chunk),
    exchange(
      '65,537 bytes chunked',
      posted(413),
      post(auth, CHUNKED),
      `${chunk.repeat(4)}1\r\n \r\n`,
    ),
    exchange('100 MB declared, without a token', posted(401), post(declared)),
    flood('100 MB declared and sent, without a token', 401, post(declared), piece),
    flood('100 MB chunked, without a token', 401, post(CHUNKED), chunk),
    exchange('A body that stalls, without a token', posted(401), post(sized(body)), '{'),
  ]
}

/** The Worker decodes no body, and reads none whose coding says that it should. */
export function compressedBodies({ server }: Tokens): HostileExchange[] {
  const bomb = gzipSync(Buffer.alloc(50 * MB, ' '), { level: 9 })
  const encodings = [
    { encoding: 'gzip', bytes: gzipSync(body) },
    { encoding: 'deflate', bytes: deflateSync(body) },
    { encoding: 'br', bytes: brotliCompressSync(body) },
    { encoding: 'gzip, a bomb', bytes: bomb.subarray(0, 60_000) },
    { encoding: 'gzip, JSON after all', bytes: body },
  ]
  return encodings.map(({ encoding, bytes }) => {
    const coded = `Content-Encoding: ${encoding.split(',')[0]}`
    const start = post(bearer(server), JSON_TYPE, coded, sized(bytes))
    return exchange(`Content-Encoding: ${encoding}`, posted(415), start, bytes)
  })
}
