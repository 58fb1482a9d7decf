// Bodies that a stranger may send: good ones, good ones with one mistake, and anything at all.
import fc from 'fast-check'

/** How a body is sent: as text, as bytes, or as a stream without a length. */
export type HostileBody = { text: string } | { bytes: Uint8Array } | { chunks: Uint8Array[] }

const encoder = new TextEncoder()

/** Returns the body in a form that a request takes; a stream can be read only once. */
export function toBodyInit(body: HostileBody): BodyInit {
  if ('text' in body) return body.text
  if ('bytes' in body) return body.bytes
  const chunks = body.chunks.values()
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = chunks.next()
      if (done) controller.close()
      else controller.enqueue(value)
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
    'data',
    'type',
    'id',
    '__proto__',
    'constructor',
    'toString',
    'valueOf',
    'length',
  ),
  hostileText,
)

const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, 0, -0, 1e308, 2 ** 53 + 1, -1.5, [], {}, [[]], ['account']),
  hostileText,
  fc.array(fc.tuple(memberName, fc.jsonValue({ maxDepth: 3 })), { maxLength: 4 }).map(withMembers),
  fc.jsonValue({ maxDepth: 4 }),
)

/** Makes every name an own member, `__proto__` too. */
function withMembers(members: [string, unknown][]): object {
  return Object.fromEntries(members)
}

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
  const elements = fc.oneof(
    { weight: 8, arbitrary: good.map((each) => [each]) },
    { weight: 3, arbitrary: few },
    { weight: 3, arbitrary: fc.tuple(few, bad, few).map(([a, b, c]) => [...a, b, ...c]) },
    { weight: 1, arbitrary: fc.array(bad, { maxLength: 4 }) },
    // Many elements: copies of one, or all different.
    { weight: 1, arbitrary: fc.tuple(good, fc.nat(120)).map(([each, n]) => Array(n).fill(each)) },
    { weight: 1, arbitrary: fc.nat(120).map((n) => Array.from({ length: n }, numbered)) },
  )
  return fc.oneof(
    { weight: 8, arbitrary: elements.map((data) => ({ data })) },
    { weight: 2, arbitrary: elements },
    {
      weight: 1,
      arbitrary: fc.tuple(elements, hostileValue).map(([data, meta]) => ({ meta, data })),
    },
    { weight: 1, arbitrary: fc.tuple(memberName, elements).map((each) => withMembers([each])) },
    { weight: 1, arbitrary: hostileValue },
  )
}

function numbered(_: unknown, index: number): object {
  return { type: 'account', id: `account-${index}` }
}

const credentials = (clientId: fc.Arbitrary<string>, secret: fc.Arbitrary<string>) =>
  fc.record({
    grant_type: mostly(fc.constantFrom('implicit', 'client_credentials'), hostileText),
    client_id: mostly(clientId, fc.oneof(safeText, hostileText)),
    client_secret: mostly(secret, hostileText),
  })

const mostly = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: rare })

const form = (pairs: [string, string][]) => String(new URLSearchParams(pairs))

/** What clients send to the token endpoint: a form or JSON, complete or not. */
function tokenRequests(
  clientId: fc.Arbitrary<string>,
  secret: fc.Arbitrary<string>,
): fc.Arbitrary<string> {
  const members = credentials(clientId, secret)
  const more = fc.tuple(fc.oneof(fc.constant('client_id'), memberName), hostileText)
  return fc.oneof(
    { weight: 4, arbitrary: members.map((each) => form(Object.entries(each))) },
    { weight: 3, arbitrary: members.map((each) => JSON.stringify(each)) },
    {
      weight: 1,
      arbitrary: fc.tuple(members, more).map(([each, one]) => form([...Object.entries(each), one])),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(members, fc.tuple(memberName, hostileValue))
        .map(([each, one]) => JSON.stringify(withMembers([...Object.entries(each), one]))),
    },
    { weight: 1, arbitrary: hostileText },
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

/** Changes or inserts a byte, or cuts the rest off: the result may not be UTF-8. */
function damaged(texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  const kinds = fc.constantFrom('change', 'insert', 'cut')
  const where = fc.double({ min: 0, max: 1, noNaN: true })
  return fc.tuple(texts, kinds, where, fc.nat(255)).map(([text, kind, share, byte]) => {
    const bytes = encoder.encode(text)
    const at = Math.floor(share * bytes.length)
    if (kind === 'cut') return bytes.slice(0, at)
    const rest = bytes.subarray(kind === 'insert' ? at : at + 1)
    return Uint8Array.from([...bytes.subarray(0, at), byte, ...rest])
  })
}

/** Adds a member that nothing reads, with a name that is not UTF-8. */
function latin1(texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  return texts.map((text) => {
    const bytes = encoder.encode(text.replace('{', '{"\u007f":0,'))
    return bytes.map((byte) => (byte === 0x7f ? 0xff : byte))
  })
}

/** Splits the bytes into pieces, some of them perhaps empty. */
function inChunks(texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array[]> {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 })
  return fc.tuple(texts, cuts).map(([text, shares]) => {
    const bytes = encoder.encode(text)
    const ends = shares.map((share) => Math.floor(share * bytes.length)).toSorted((a, b) => a - b)
    return [...ends, bytes.length].map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
  })
}

function sentInAnyWay(usual: fc.Arbitrary<string>): fc.Arbitrary<HostileBody | undefined> {
  // Right except for the length, or just short enough.
  const long = fc.tuple(usual, fc.nat(20)).map(([text, more]) => text.padEnd(65_526 + more))
  const any = fc.oneof(
    { weight: 16, arbitrary: usual },
    { weight: 4, arbitrary: rawTexts },
    { weight: 1, arbitrary: long },
  )
  // Sent as bytes: as text, TextDecoder would drop the byte order mark.
  const marked = usual.map((text) => encoder.encode(`\ufeff${text}`))
  const asBytes = fc.oneof(damaged(usual), latin1(usual), marked, fc.uint8Array())
  return fc.oneof(
    {
      weight: 14,
      arbitrary: any.filter((text) => !text.startsWith('\ufeff')).map((text) => ({ text })),
    },
    { weight: 4, arbitrary: asBytes.map((bytes) => ({ bytes })) },
    { weight: 2, arbitrary: inChunks(any).map((chunks) => ({ chunks })) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
}

/** Bodies for the relationship, about accounts with these ids. */
export const accountBodies = (id: fc.Arbitrary<string>): fc.Arbitrary<HostileBody | undefined> =>
  sentInAnyWay(documents(mostly(id, safeText)).map((each) => JSON.stringify(each)))

/** Bodies for the token endpoint, with this application key. */
export const tokenBodies = (
  clientId: string,
  secret: string,
): fc.Arbitrary<HostileBody | undefined> =>
  sentInAnyWay(tokenRequests(fc.constant(clientId), fc.constant(secret)))
