// Bodies that a stranger may send: good ones, good ones with one mistake, and anything at all.
import fc from 'fast-check'

/** How a body is sent: as text, as bytes, or as a stream without a length. */
export type HostileBody = { text: string } | { bytes: Uint8Array } | { chunks: Uint8Array[] }

type Weighted<Value> = [weight: number, arbitrary: fc.Arbitrary<Value>]

/** One of these kinds, each as often as its weight says. */
export function oneOf<Value>(...kinds: Weighted<Value>[]): fc.Arbitrary<Value> {
  return fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })))
}

const encoder = new TextEncoder()

/** Returns the body in a form that a request takes; a stream can be read only once. */
export function toBodyInit(body: HostileBody): BodyInit {
  if ('text' in body) return body.text
  if ('bytes' in body) return body.bytes
  const { chunks } = body
  return new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

export function bytesOf(body: HostileBody): Uint8Array {
  if ('text' in body) return encoder.encode(body.text)
  if ('bytes' in body) return body.bytes
  return Uint8Array.from(body.chunks.flatMap((chunk) => [...chunk]))
}

const nastyTexts = [
  ...['', ' ', '\u0000', 'account-1\u0000', '\ud800', '\udc00\ud800', '\ufeff', '\u202e', 'é'],
  ...['💥'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '../../etc/passwd'],
  ...["' or 1=1; drop table associations; --", '%00', '{{7*7}}', '<script>', 'a\r\nb'],
  ...['a'.repeat(255), 'a'.repeat(256), 'a'.repeat(5_000)],
] as const

/** Any text, and the bad ones that people have thought of. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...nastyTexts),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
)

const safeText = fc.stringMatching(/^[\w-]{1,12}$/)

const memberName = fc.oneof(
  fc.constantFrom(
    ...['data', 'type', 'id', '__proto__', 'constructor', 'toString', 'valueOf', 'length'],
  ),
  hostileText,
)

/** Makes every name an own member, `__proto__` too. */
const withMembers = (members: [string, unknown][]): object => Object.fromEntries(members)

const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, 0, -0, 1e308, 2 ** 53 + 1, -1.5, [], {}, [[]], ['account']),
  hostileText,
  fc.array(fc.tuple(memberName, fc.jsonValue({ maxDepth: 3 })), { maxLength: 4 }).map(withMembers),
  fc.jsonValue({ maxDepth: 4 }),
)

/** Documents with good and bad elements; `id` makes the good ids. */
function documents(id: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const type = fc.constant('account')
  const good = fc.record({ type, id })
  const bad = fc.oneof(
    fc.record({ type: hostileValue, id }),
    fc.record({ type, id: hostileValue }),
    fc.record({ type, id }, { requiredKeys: [] }),
    fc.record({ type, id, meta: hostileValue, ['__proto__']: hostileValue }),
    hostileValue,
  )
  const few = fc.array(good, { minLength: 1, maxLength: 3 })
  const numbered = (_: unknown, index: number) => ({ type: 'account', id: `account-${index}` })
  const elements = oneOf<unknown[]>(
    [8, good.map((each) => [each])],
    [3, few],
    [3, fc.tuple(few, bad, few).map(([a, b, c]) => [...a, b, ...c])],
    [1, fc.array(bad, { maxLength: 4 })],
    // Many elements: copies of one, or all different.
    [1, fc.tuple(good, fc.nat(120)).map(([each, n]) => Array(n).fill(each))],
    [1, fc.nat(120).map((n) => Array.from({ length: n }, numbered))],
  )
  return oneOf<unknown>(
    [8, elements.map((data) => ({ data }))],
    [2, elements],
    [1, fc.tuple(elements, hostileValue).map(([data, meta]) => ({ meta, data }))],
    [1, fc.tuple(memberName, elements).map((each) => withMembers([each]))],
    [1, hostileValue],
  )
}

const mostly = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  oneOf([5, usual], [1, rare])

/** What clients send to the token endpoint: a form or JSON, complete or not. */
function tokenRequests(clientId: string, secret: string): fc.Arbitrary<string> {
  const members = fc.record({
    grant_type: mostly(fc.constantFrom('implicit', 'client_credentials'), hostileText),
    client_id: mostly(fc.constant(clientId), fc.oneof(safeText, hostileText)),
    client_secret: mostly(fc.constant(secret), hostileText),
  })
  const form = (pairs: [string, string][]) => String(new URLSearchParams(pairs))
  const parameter = fc.tuple(fc.oneof(fc.constant('client_id'), memberName), hostileText)
  const member = fc.tuple(memberName, hostileValue)
  return oneOf(
    [4, members.map((each) => form(Object.entries(each)))],
    [3, members.map((each) => JSON.stringify(each))],
    [1, fc.tuple(members, parameter).map(([each, one]) => form([...Object.entries(each), one]))],
    [
      1,
      fc
        .tuple(members, member)
        .map(([each, one]) => JSON.stringify(withMembers([...Object.entries(each), one]))),
    ],
    [1, hostileText],
  )
}

/** Raw texts that break parsers. */
const rawTexts = fc.constantFrom(
  ...['', ' ', 'null', '0', '""', '[', ']', '{}', '{"data"', 'NaN', '1e999', '\u0000', '[1,]'],
  ...['=', '&'],
  ...['"\\ud800"', '["\\u0000"]', '{"data":[{"type":"account","id":"\\ud800"}]}', '[]]', '\ufeff'],
  ...['{"__proto__":{"polluted":1},"data":[]}', '{"constructor":{"prototype":{"polluted":1}}}'],
  ...['{"data":[],"data":[{"type":"account","id":"account-1"}]}', `[${'9'.repeat(400)}]`],
  ...['__proto__[polluted]=1', 'grant_type=implicit&__proto__=1', 'a[]=1&a[]=2', '%', '%ff=%zz'],
  ...['['.repeat(20_000), `${'['.repeat(9_000)}${']'.repeat(9_000)}`, '{"data":'.repeat(5_000)],
  ...[' '.repeat(65_536), ' '.repeat(65_537), `[${'0,'.repeat(30_000)}0]`, '"'.repeat(70_000)],
)

const share = fc.double({ min: 0, max: 1, noNaN: true })

/** Changes or inserts a byte, or cuts the rest off: the result may not be UTF-8. */
function damaged(texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  const kinds = fc.constantFrom('change', 'insert', 'cut')
  return fc.tuple(texts, kinds, share, fc.nat(255)).map(([text, kind, where, byte]) => {
    const bytes = encoder.encode(text)
    const at = Math.floor(where * bytes.length)
    if (kind === 'cut') return bytes.slice(0, at)
    const rest = bytes.subarray(kind === 'insert' ? at : at + 1)
    return Uint8Array.from([...bytes.subarray(0, at), byte, ...rest])
  })
}

/** Adds a member that nothing reads, with a name that is not UTF-8. */
function latin1(text: string): Uint8Array {
  const bytes = encoder.encode(text.replace('{', '{"\u007f":0,'))
  return bytes.map((byte) => (byte === 0x7f ? 0xff : byte))
}

/** Splits the bytes into pieces, some of them perhaps empty. */
function inChunks(texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array[]> {
  return fc.tuple(texts, fc.array(share, { maxLength: 4 })).map(([text, shares]) => {
    const bytes = encoder.encode(text)
    const ends = shares.map((each) => Math.floor(each * bytes.length)).toSorted((a, b) => a - b)
    return [...ends, bytes.length].map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
  })
}

function sentInAnyWay(usual: fc.Arbitrary<string>): fc.Arbitrary<HostileBody | undefined> {
  // Right except for the length, or just short enough.
  const long = fc.tuple(usual, fc.nat(20)).map(([text, more]) => text.padEnd(65_526 + more))
  const any = oneOf([16, usual], [4, rawTexts], [1, long])
  // Sent as bytes: as text, TextDecoder would drop the byte order mark.
  const marked = usual.map((text) => encoder.encode(`\ufeff${text}`))
  const asBytes = fc.oneof(damaged(usual), usual.map(latin1), marked, fc.uint8Array())
  return oneOf<HostileBody | undefined>(
    [14, any.filter((text) => !text.startsWith('\ufeff')).map((text) => ({ text }))],
    [4, asBytes.map((bytes) => ({ bytes }))],
    [2, inChunks(any).map((chunks) => ({ chunks }))],
    [1, fc.constant(undefined)],
  )
}

/** Bodies for the relationship, about accounts with these ids. */
export const accountBodies = (id: fc.Arbitrary<string>): fc.Arbitrary<HostileBody | undefined> =>
  sentInAnyWay(documents(mostly(id, safeText)).map((each) => JSON.stringify(each)))

/** Bodies for the token endpoint, with this application key. */
export const tokenBodies = (
  clientId: string,
  secret: string,
): fc.Arbitrary<HostileBody | undefined> => sentInAnyWay(tokenRequests(clientId, secret))
