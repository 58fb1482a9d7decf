import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import type { ErrorObject } from '../../src/errors.ts'
import { expectErrors } from './expected.ts'
import { accounts, accountsOf, endlessBody, send, sendJson, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { skipWaiting } from './stubs.ts'
import { server } from './tokens.ts'

const MAX_BODY_BYTES = 65_536
const notJson = { title: 'Bad Request', detail: 'The request body is not valid JSON' }

let caller: Record<string, string>
beforeAll(async () => {
  caller = await server()
})

/** Makes a body of exactly this many bytes that names one account. */
function bodyOfSize(bytes: number): string {
  const json = JSON.stringify(accounts('account-1'))
  return json + ' '.repeat(bytes - json.length)
}

function inChunks(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  let offset = 0
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(offset, offset + size))
      offset += size
    },
  })
}

describe.each(['POST', 'DELETE'])('the body of %s on the relationship', (method) => {
  const sendBody = async (body: unknown): Promise<Response> =>
    await sendJson(method, accountsOf(uniqueId('cart')), caller, body)

  const sendText = async (
    body: BodyInit | undefined,
    headers: Record<string, string> = { 'Content-Type': 'application/json' },
  ): Promise<Response> =>
    await send(method, accountsOf(uniqueId('cart')), { ...caller, ...headers }, body)

  it.each([
    { title: 'absent', body: undefined },
    { title: 'empty', body: '' },
    { title: 'white space', body: ' \n' },
    { title: 'cut short', body: '{"data":[{"type":"account"' },
    { title: 'JavaScript, not JSON', body: "{data:[{type:'account',id:'a'}]}" },
    { title: 'followed by more', body: `${JSON.stringify(accounts('a'))}x` },
    { title: 'not UTF-8', body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]) },
    { title: 'nested without an end', body: '['.repeat(60_000) },
  ])('is refused as not JSON when it is $title', async ({ body }) => {
    const response = await sendText(body)

    await expectErrors(response, 400, notJson)
  })

  it('is decoded from scratch after a body that broke off inside a character', async () => {
    const text = JSON.stringify(accounts('account-1'))
    const bytes = [...new TextEncoder().encode(text)]
    const statuses: number[] = []
    for (const broken of [
      [0xe2, 0x82],
      [0xef, 0xbb],
      [0xf0, 0x9f],
    ]) {
      for (const body of [broken, bytes, [0xbf, ...bytes], [0xef, 0xbb, 0xbf, ...bytes]]) {
        const { status } = await sendText(new Uint8Array(body))
        statuses.push(status === 204 ? 200 : status)
      }
    }

    expect(statuses).toEqual(Array(3).fill([400, 200, 400, 200]).flat())
  })

  const noArray = {
    title: 'Invalid json payload',
    detail: 'data must be an array of resource identifiers',
    source: 'data',
  }
  const tooFew = {
    title: 'array_min_items',
    detail: 'Array must have at least 1 items',
    source: 'data',
  }
  const tooMany = {
    title: 'array_max_items',
    detail: 'Array must have at most 100 items',
    source: 'data',
  }
  const otherType = {
    title: 'The type does not exist or is not listed as account',
    detail: 'Ensure that the type is account and is present.',
    source: 'data[0].type',
  }
  const withoutId = { title: 'required', detail: 'id is required', source: 'data[0].id' }
  const unsafeId = {
    title: 'pattern',
    detail: 'id must be 1 to 255 characters of A-Z a-z 0-9 _ -',
    source: 'data[0].id',
  }
  const invalid = (source: string, expected: string, given: string) => ({
    title: 'invalid_type',
    detail: `Invalid type. Expected: ${expected}, given: ${given}`,
    source,
  })
  const element = (value: unknown) => ({ data: [value] })
  const id = (value: unknown) => element({ type: 'account', id: value })
  const refused: [title: string, body: unknown, error: ErrorObject][] = [
    ['null', null, noArray],
    ['a string', 'account-1', noArray],
    ['a number', 7, noArray],
    ['an object without data', {}, noArray],
    ['null data', { data: null }, noArray],
    ['one identifier outside an array', { data: { type: 'account', id: 'a' } }, noArray],
    ['data of a prototype', JSON.parse('{"__proto__":{"data":[]}}'), noArray],
    ['empty data', { data: [] }, tooFew],
    ['an empty array', [], tooFew],
    ['over a hundred elements that name one account', accounts(...Array(101).fill('a')), tooMany],
    ['a string for an element', element('account-1'), invalid('data[0]', 'object', 'string')],
    ['a number for an element', element(7), invalid('data[0]', 'object', 'number')],
    ['a boolean for an element', element(true), invalid('data[0]', 'object', 'boolean')],
    ['null for an element', element(null), invalid('data[0]', 'object', 'null')],
    ['an array for an element', element([{}]), invalid('data[0]', 'object', 'array')],
    ['an empty element', element({}), otherType],
    ...[undefined, null, 'Account', 'account ', 'customer', ['account']].map(
      (type): [string, unknown, ErrorObject] => [
        `the type ${JSON.stringify(type)}`,
        element({ type, id: 'a' }),
        otherType,
      ],
    ),
    ['no id', element({ type: 'account' }), withoutId],
    ['a number for an id', id(7), invalid('data[0].id', 'string', 'number')],
    ['null for an id', id(null), invalid('data[0].id', 'string', 'null')],
    ['an array for an id', id(['a']), invalid('data[0].id', 'string', 'array')],
    ['an object for an id', id({ id: 'a' }), invalid('data[0].id', 'string', 'object')],
    ...['', 'a b', 'a/b', 'a.b', 'ä', 'a\n', '\u0000', '\ud800', 'a'.repeat(256)].map(
      (unsafe): [string, unknown, ErrorObject] => [
        `the unsafe id ${JSON.stringify(unsafe)}`,
        id(unsafe),
        unsafeId,
      ],
    ),
  ]

  it.each(refused)('is refused with the place of the mistake: %s', async (_, body, error) => {
    await expectErrors(await sendBody(body), 400, error)
  })

  it('is refused with one error object for each bad element', async () => {
    const response = await sendBody({
      data: [
        { type: 'account', id: 'a' },
        1,
        { type: 'cart', id: '?' },
        { type: 'account', id: 2 },
      ],
    })

    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      errors: [
        { status: 400, title: 'invalid_type', source: 'data[1]' },
        { status: 400, source: 'data[2].type' },
        { status: 400, title: 'invalid_type', source: 'data[3].id' },
      ],
    })
  })

  it('is refused with a hundred error objects for a hundred bad elements', async () => {
    const response = await sendBody({ data: Array(100).fill(0) })

    const { errors } = await response.json<{ errors: unknown[] }>()
    expect(errors).toHaveLength(100)
  })

  it.each([MAX_BODY_BYTES + 1, 1_000_000])(
    'is refused with 413 at %d declared bytes',
    async (size) => {
      const response = await sendText(bodyOfSize(size))

      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({
        errors: [{ status: 413, title: 'Payload Too Large' }],
      })
    },
  )

  it.each([MAX_BODY_BYTES + 1, 1_000_000])(
    'is refused with 413 at %d streamed bytes',
    async (size) => {
      const response = await sendText(inChunks(bodyOfSize(size), 1_000))

      expect(response.status).toBe(413)
    },
  )

  it('is read up to 65,536 bytes, declared or streamed in chunks', async () => {
    expect((await sendText(bodyOfSize(MAX_BODY_BYTES))).ok).toBe(true)
    expect((await sendText(inChunks(bodyOfSize(MAX_BODY_BYTES), 999))).ok).toBe(true)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'json', ';'])(
    'is refused with 415 as %s',
    async (type) => {
      const response = await sendText('not even JSON', { 'Content-Type': type })

      expect(response.status).toBe(415)
      expect(await response.json()).toMatchObject({
        errors: [{ status: 415, title: 'Unsupported Media Type' }],
      })
    },
  )

  it.each([
    'application/json',
    'application/vnd.api+json',
    'Application/JSON; charset=utf-8',
    'application/vnd.api+json;profile="https://example.com/p"',
  ])('is read as %s', async (type) => {
    const response = await sendText(JSON.stringify(accounts('a')), { 'Content-Type': type })

    expect(response.ok).toBe(true)
  })

  it('is read as JSON without a Content-Type', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(accounts('a')))

    expect((await sendText(bytes, {})).ok).toBe(true)
  })

  it('may be the bare array', async () => {
    expect((await sendBody([{ type: 'account', id: 'a' }])).ok).toBe(true)
  })

  it('may have members that the contract does not name', async () => {
    const body = { data: [{ type: 'account', id: 'a', meta: { note: 1 } }], meta: {}, jsonapi: {} }

    expect((await sendBody(body)).ok).toBe(true)
  })
})

describe('a refused body', () => {
  it('writes nothing, not even its good elements', async () => {
    const cart = uniqueId('cart')

    await sendJson('POST', accountsOf(cart), caller, {
      data: [{ type: 'account', id: 'good' }, { type: 'account' }],
    })

    expect(await rowsOf(cart)).toEqual([])
  })
})

/** Bypasses the runtime's pipe, which would correct the headers and log what a stream does. */
async function sendStream(
  body: ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const init = { method: 'POST', headers: { ...caller, ...headers }, body }
  return await app.request(accountsOf(uniqueId('cart')), init, { ...env })
}

describe('the declared length of a body', () => {
  it('is enough to refuse it: nothing is read', async () => {
    const { body, pulls } = endlessBody()

    const response = await sendStream(body, { 'Content-Length': '100000000' })

    expect(response.status).toBe(413)
    expect(pulls()).toBe(0)
  })

  it('is not enough to accept it: what arrives is counted', async () => {
    const body = inChunks(bodyOfSize(MAX_BODY_BYTES + 1), 1_000)

    const response = await sendStream(body, { 'Content-Length': '10' })

    expect(response.status).toBe(413)
  })
})

describe('a body with a Content-Encoding', () => {
  it.each(['gzip', 'br', 'identity, gzip', 'GZIP', 'x'])(
    'of %s is answered 415',
    async (coding) => {
      const response = await sendStream(inChunks(bodyOfSize(100), 100), {
        'Content-Encoding': coding,
      })

      expect(response.headers.get('Accept-Encoding')).toBe('identity')
      await expectErrors(response, 415, {
        title: 'Unsupported Media Type',
        detail: 'Content-Encoding must be identity',
      })
    },
  )

  it.each(['identity', 'Identity', ''])('of "%s" is read', async (coding) => {
    const response = await sendStream(inChunks(bodyOfSize(100), 100), {
      'Content-Encoding': coding,
    })

    expect(response.status).toBe(200)
  })
})

describe('a body that is longer than it says', () => {
  it('is not read beyond the limit', async () => {
    const { body, pulls } = endlessBody()

    const response = await sendStream(body, { 'Content-Length': '10' })

    expect(response.status).toBe(413)
    expect(pulls()).toBeLessThan(70)
  })
})

describe('a body that is not complete', () => {
  beforeAll(skipWaiting)
  afterAll(() => {
    vi.useRealTimers()
  })

  it('is answered as not JSON if its sender breaks off', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('Network connection lost.')),
    })

    const response = await sendStream(broken)

    await expectErrors(response, 400, notJson)
  })

  it('is answered with 408 after 10 s', async () => {
    const stalled = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"data":')),
    })
    const started = Date.now()

    const response = await sendStream(stalled)

    expect(response.status).toBe(408)
    expect(await response.json()).toMatchObject({
      errors: [{ status: 408, title: 'Request Timeout' }],
    })
    expect(Date.now() - started).toBeGreaterThan(9_000)
    expect(Date.now() - started).toBeLessThan(12_000)
  })

  it('is answered with 408 after 10 s however steadily it drips', async () => {
    const dripping = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 1_500))
        controller.enqueue(new TextEncoder().encode(' '))
      },
    })
    const started = Date.now()

    const response = await sendStream(dripping)

    expect(response.status).toBe(408)
    expect(Date.now() - started).toBeLessThan(12_000)
  })
})
