import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import { expectCommonHeaders, expectErrors } from './expected.ts'
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

  it.each([
    { title: 'null', body: null },
    { title: 'a string', body: 'account-1' },
    { title: 'a number', body: 7 },
    { title: 'an object without data', body: {} },
    { title: 'null data', body: { data: null } },
    { title: 'one identifier outside an array', body: { data: { type: 'account', id: 'a' } } },
    { title: 'data of a prototype', body: JSON.parse('{"__proto__":{"data":[]}}') },
  ])('is refused without an array of identifiers: $title', async ({ body }) => {
    const response = await sendBody(body)

    await expectErrors(response, 400, {
      title: 'Invalid json payload',
      detail: 'data must be an array of resource identifiers',
      source: 'data',
    })
  })

  it.each([{ body: { data: [] } }, { body: [] }])(
    'is refused when empty: $body',
    async ({ body }) => {
      const response = await sendBody(body)

      await expectErrors(response, 400, {
        title: 'array_min_items',
        detail: 'Array must have at least 1 items',
        source: 'data',
      })
    },
  )

  it('is refused with over a hundred elements, even if all name one account', async () => {
    const response = await sendBody(accounts(...Array(101).fill('account-1')))

    await expectErrors(response, 400, {
      title: 'array_max_items',
      detail: 'Array must have at most 100 items',
      source: 'data',
    })
  })

  it.each([
    { element: 'account-1', given: 'string' },
    { element: 7, given: 'number' },
    { element: true, given: 'boolean' },
    { element: null, given: 'null' },
    { element: [{ type: 'account', id: 'a' }], given: 'array' },
  ])('is refused with an element that is not an object: $given', async ({ element, given }) => {
    const response = await sendBody({ data: [element] })

    await expectErrors(response, 400, {
      title: 'invalid_type',
      detail: `Invalid type. Expected: object, given: ${given}`,
      source: 'data[0]',
    })
  })

  it.each([
    { element: { id: 'a' } },
    { element: { type: null, id: 'a' } },
    { element: { type: 'Account', id: 'a' } },
    { element: { type: 'account ', id: 'a' } },
    { element: { type: 'customer', id: 'a' } },
    { element: { type: ['account'], id: 'a' } },
    { element: {} },
  ])('is refused with a type that is not exactly account: $element', async ({ element }) => {
    const response = await sendBody({ data: [element] })

    await expectErrors(response, 400, {
      title: 'The type does not exist or is not listed as account',
      detail: 'Ensure that the type is account and is present.',
      source: 'data[0].type',
    })
  })

  it('is refused without an id', async () => {
    const response = await sendBody({ data: [{ type: 'account' }] })

    await expectErrors(response, 400, {
      title: 'required',
      detail: 'id is required',
      source: 'data[0].id',
    })
  })

  it.each([
    { id: 7, given: 'number' },
    { id: null, given: 'null' },
    { id: ['a'], given: 'array' },
    { id: { id: 'a' }, given: 'object' },
  ])('is refused with an id that is not a string: $given', async ({ id, given }) => {
    const response = await sendBody({ data: [{ type: 'account', id }] })

    await expectErrors(response, 400, {
      title: 'invalid_type',
      detail: `Invalid type. Expected: string, given: ${given}`,
      source: 'data[0].id',
    })
  })

  it.each(['', 'a b', 'a/b', 'a.b', 'ä', 'a\n', '\u0000', '\ud800', 'a'.repeat(256)])(
    'is refused with the unsafe id %j',
    async (id) => {
      const response = await sendBody(accounts(id))

      await expectErrors(response, 400, {
        title: 'pattern',
        detail: 'id must be 1 to 255 characters of A-Z a-z 0-9 _ -',
        source: 'data[0].id',
      })
    },
  )

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
    expectCommonHeaders(response)
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
