import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ErrorObject } from '../../src/errors.ts'
import { expectErrors } from './expected.ts'
import { accounts, accountsOf, endlessBody, send, sendJson, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { skipWaiting } from './stubs.ts'
import { server } from './tokens.ts'

const MAX_BODY_BYTES = 65_536
const caller = await server()
const json = { 'Content-Type': 'application/json' }
const good = JSON.stringify(accounts('account-1'))
const utf8 = (text: string) => new TextEncoder().encode(text)

/** Makes a body of exactly this many bytes that names one account. */
const bodyOfSize = (bytes: number): string => good.padEnd(bytes)

function inChunks(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = utf8(text)
  let offset = 0
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(offset, offset + size))
      offset += size
    },
  })
}

const error = (title: string, detail: string, source: string): ErrorObject => ({
  title,
  detail,
  source,
})
const notJson = { title: 'Bad Request', detail: 'The request body is not valid JSON' }
const noArray = error(
  'Invalid json payload',
  'data must be an array of resource identifiers',
  'data',
)
const tooFew = error('array_min_items', 'Array must have at least 1 items', 'data')
const tooMany = error('array_max_items', 'Array must have at most 100 items', 'data')
const otherType = error(
  'The type does not exist or is not listed as account',
  'Ensure that the type is account and is present.',
  'data[0].type',
)
const withoutId = error('required', 'id is required', 'data[0].id')
const unsafeId = error('pattern', 'id must be 1 to 255 characters of A-Z a-z 0-9 _ -', 'data[0].id')
const invalid = (source: string, expected: string, given: string) =>
  error('invalid_type', `Invalid type. Expected: ${expected}, given: ${given}`, source)

const element = (value: unknown) => ({ data: [value] })
const id = (value: unknown) => element({ type: 'account', id: value })

/** Bodies of the wrong shape, and what is said of each. */
const misshapen: [body: unknown, error: ErrorObject][] = [
  ...[null, 'account-1', 7, {}, { data: null }, { data: { type: 'account', id: 'a' } }].map(
    (body): [unknown, ErrorObject] => [body, noArray],
  ),
  [JSON.parse('{"__proto__":{"data":[]}}'), noArray],
  [{ data: [] }, tooFew],
  [[], tooFew],
  [accounts(...Array(101).fill('a')), tooMany],
  [element('account-1'), invalid('data[0]', 'object', 'string')],
  [element(7), invalid('data[0]', 'object', 'number')],
  [element(true), invalid('data[0]', 'object', 'boolean')],
  [element(null), invalid('data[0]', 'object', 'null')],
  [element([{}]), invalid('data[0]', 'object', 'array')],
  [element({}), otherType],
  ...[undefined, null, 'Account', 'account ', 'customer', ['account']].map(
    (type): [unknown, ErrorObject] => [element({ type, id: 'a' }), otherType],
  ),
  [element({ type: 'account' }), withoutId],
  [id(7), invalid('data[0].id', 'string', 'number')],
  [id(null), invalid('data[0].id', 'string', 'null')],
  [id(['a']), invalid('data[0].id', 'string', 'array')],
  [id({ id: 'a' }), invalid('data[0].id', 'string', 'object')],
  ...['', 'a b', 'a/b', 'a.b', 'ä', 'a\n', '\u0000', '\ud800', 'a'.repeat(256)].map(
    (unsafe): [unknown, ErrorObject] => [id(unsafe), unsafeId],
  ),
]

describe.each(['POST', 'DELETE'])('the body of %s on the relationship', (method) => {
  const sendText = async (
    body: BodyInit | undefined,
    headers: Record<string, string> = json,
  ): Promise<Response> =>
    await send(method, accountsOf(uniqueId('cart')), { ...caller, ...headers }, body)

  it.each([
    { title: 'absent', body: undefined },
    { title: 'empty', body: '' },
    { title: 'white space', body: ' \n' },
    { title: 'cut short', body: '{"data":[{"type":"account"' },
    { title: 'JavaScript, not JSON', body: "{data:[{type:'account',id:'a'}]}" },
    { title: 'followed by more', body: `${good}x` },
    { title: 'not UTF-8', body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]) },
    { title: 'nested without an end', body: '['.repeat(60_000) },
    { title: 'begun inside a character', body: new Uint8Array([0xbf, ...utf8(good)]) },
    { title: 'ended inside a character', body: new Uint8Array([0xef, 0xbb]) },
  ])('is refused as not JSON when it is $title', async ({ body }) => {
    await expectErrors(await sendText(body), 400, notJson)
    // Nothing of it is left for the next one.
    expect((await sendText(good)).ok).toBe(true)
  })

  it.each(misshapen)('is refused with the place of the mistake: %j', async (body, error) => {
    await expectErrors(await sendText(JSON.stringify(body)), 400, error)
  })

  it('is refused with one error object for each of a hundred bad elements', async () => {
    const response = await sendText(JSON.stringify({ data: Array(100).fill(0) }))

    expect(Object(await response.json()).errors).toHaveLength(100)
  })

  it.each([
    { title: 'one byte too many', body: () => bodyOfSize(MAX_BODY_BYTES + 1) },
    { title: 'one byte too many, streamed', body: () => inChunks(bodyOfSize(65_537), 1_000) },
  ])('is refused with 413 if it has $title', async ({ body }) => {
    expect((await sendText(body())).status).toBe(413)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'json', ';'])(
    'is refused with 415 as %s',
    async (type) => {
      expect((await sendText('not even JSON', { 'Content-Type': type })).status).toBe(415)
    },
  )

  it.each<{ title: string; body?: BodyInit; headers?: Record<string, string> }>([
    ...['Application/JSON; charset=utf-8', 'application/vnd.api+json;profile="https://a.b/c"'].map(
      (type) => ({ title: type, headers: { 'Content-Type': type } }),
    ),
    { title: 'JSON without a Content-Type', body: utf8(good), headers: {} },
    { title: 'the bare array', body: '[{"type":"account","id":"a"}]' },
    {
      title: 'JSON with members that the contract does not name',
      body: '{"data":[{"type":"account","id":"a","meta":{"note":1}}],"meta":{},"jsonapi":{}}',
    },
    { title: '65,536 bytes', body: bodyOfSize(MAX_BODY_BYTES) },
    { title: '65,536 bytes, streamed', body: inChunks(bodyOfSize(MAX_BODY_BYTES), 999) },
  ])('is read as $title', async ({ body = good, headers }) => {
    expect((await sendText(body, headers)).ok).toBe(true)
  })
})

describe('a refused body', () => {
  it('has one error object for each bad element, and writes nothing of the good ones', async () => {
    const cart = uniqueId('cart')
    const [good, otherType, otherId] = [
      { type: 'account', id: 'a' },
      { type: 'cart', id: '?' },
      { type: 'account', id: 2 },
    ]

    const response = await sendJson('POST', accountsOf(cart), caller, {
      data: [good, 1, otherType, otherId],
    })

    expect(await response.json()).toMatchObject({
      errors: [
        { status: 400, title: 'invalid_type', source: 'data[1]' },
        { status: 400, source: 'data[2].type' },
        { status: 400, title: 'invalid_type', source: 'data[3].id' },
      ],
    })
    expect(await rowsOf(cart)).toEqual([])
  })
})

describe('a streamed body', () => {
  const sendStream = async (
    body: ReadableStream<Uint8Array>,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    await send('POST', accountsOf(uniqueId('cart')), { ...caller, ...headers }, body)

  it.each([
    { declared: '100000000', most: 0 },
    { declared: '10', most: 66 },
    { declared: '', most: 66 },
  ])('is not read beyond the limit: declared as "$declared" bytes', async ({ declared, most }) => {
    const { body, pulls } = endlessBody()

    const response = await sendStream(body, { 'Content-Length': declared })

    expect(response.status).toBe(413)
    expect(pulls()).toBeLessThanOrEqual(most)
  })

  it.each(['gzip', 'br', 'identity, gzip', 'GZIP', 'x'])(
    'is answered 415 with the Content-Encoding %s',
    async (coding) => {
      const response = await sendStream(inChunks(good, 100), { 'Content-Encoding': coding })

      expect(response.headers.get('Accept-Encoding')).toBe('identity')
      await expectErrors(response, 415, {
        title: 'Unsupported Media Type',
        detail: 'Content-Encoding must be identity',
      })
    },
  )

  it.each(['identity', 'Identity', ''])(
    'is read with the Content-Encoding "%s"',
    async (coding) => {
      const response = await sendStream(inChunks(good, 100), { 'Content-Encoding': coding })

      expect(response.status).toBe(200)
    },
  )

  describe('that is not complete', () => {
    beforeAll(skipWaiting)
    afterAll(() => {
      vi.useRealTimers()
    })

    it('is answered as not JSON if its sender breaks off', async () => {
      const broken = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.error(new Error('Network connection lost.')),
      })

      await expectErrors(await sendStream(broken), 400, notJson)
    })

    it.each([
      { title: 'stalls', pause: () => new Promise(() => undefined) },
      {
        title: 'drips, however steadily',
        pause: () => new Promise((resolve) => setTimeout(resolve, 1_500)),
      },
    ])('is answered with 408 after 10 s if it $title', async ({ pause }) => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await pause()
          controller.enqueue(utf8(' '))
        },
      })
      const started = Date.now()

      const response = await sendStream(body)

      expect(response.status).toBe(408)
      expect(Date.now() - started).toBeGreaterThan(9_000)
      expect(Date.now() - started).toBeLessThan(12_000)
    })
  })
})
