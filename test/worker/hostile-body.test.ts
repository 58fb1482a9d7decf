import { beforeAll, describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import { accounts, accountsOf, send, uniqueId } from './requests.ts'
import { accountIdsOf } from './rows.ts'
import { server } from './tokens.ts'

const notJson = { title: 'Bad Request', detail: 'The request body is not valid JSON' }
const unsafeId = {
  title: 'pattern',
  detail: 'id must be 1 to 255 characters of A-Z a-z 0-9 _ -',
  source: 'data[0].id',
}
const noType = {
  title: 'The type does not exist or is not listed as account',
  detail: 'Ensure that the type is account and is present.',
  source: 'data[0].type',
}
const tooLong = {
  title: 'Payload Too Large',
  detail: 'The request body must be at most 65536 bytes',
}
const isArray = (expected: string, source: string) => ({
  title: 'invalid_type',
  detail: `Invalid type. Expected: ${expected}, given: array`,
  source,
})

let caller: Record<string, string>
beforeAll(async () => {
  caller = { ...(await server()), 'Content-Type': 'application/json' }
})

const sendText = async (body: BodyInit, cart = uniqueId('cart')): Promise<Response> =>
  await send('POST', accountsOf(cart), caller, body)

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const withId = (json: string) => `{"data":[{"type":"account","id":${json}}]}`
const bytesOf = (text: string) => new TextEncoder().encode(text)

/** The body of one account with these bytes in the middle of its id. */
const withBytes = (...bytes: number[]) =>
  Uint8Array.from([...bytesOf('[{"type":"account","id":"a'), ...bytes, ...bytesOf('b"}]')])

const json = JSON.stringify(accounts('a'))
const utf16 = Uint8Array.from([0xff, 0xfe, ...[...json].flatMap((c) => [c.charCodeAt(0), 0])])

describe('a hostile body', () => {
  it.each([
    { title: 'a million brackets', body: nested(500_000), status: 413, error: tooLong },
    { title: '64 KiB of brackets', body: nested(32_768), error: isArray('object', 'data[0]') },
    {
      title: 'an id of brackets',
      body: withId(nested(30_000)),
      error: isArray('string', 'data[0].id'),
    },
    { title: 'an escaped surrogate in an id', body: withId('"\\udc00\\ud800"'), error: unsafeId },
    { title: 'an escaped byte order mark in an id', body: withId('"\\ufeffa"'), error: unsafeId },
    { title: 'an escaped override in an id', body: withId('"\\u202ea"'), error: unsafeId },
    { title: 'NUL', body: withBytes(0x00), error: notJson },
    { title: 'a line end in an id', body: withBytes(0x0a), error: notJson },
    { title: 'a surrogate in UTF-8', body: withBytes(0xed, 0xa0, 0x80), error: notJson },
    { title: 'an overlong NUL', body: withBytes(0xc0, 0x80), error: notJson },
    { title: 'a sequence cut short', body: withBytes(0xf0, 0x9f, 0x92), error: notJson },
    { title: 'beyond Unicode', body: withBytes(0xf4, 0x90, 0x80, 0x80), error: notJson },
    { title: 'Latin-1', body: withBytes(0xe9), error: notJson },
    { title: 'UTF-16', body: utf16, error: notJson },
    {
      title: 'an inherited type',
      body: '[{"__proto__":{"type":"account"},"id":"a"}]',
      error: noType,
    },
    {
      title: 'an inherited account',
      body: '[{"__proto__":{"type":"account","id":"a"}}]',
      error: noType,
    },
    {
      title: 'a type of the constructor',
      body: '[{"constructor":{"prototype":{"type":"account"}},"id":"a"}]',
      error: noType,
    },
  ])('is refused: $title', async ({ body, status = 400, error }) => {
    await expectErrors(await sendText(body), status, error)

    expect(Object('').type).toBeUndefined()
  })

  it.each<{ title: string; id?: string; bodyOf: (id: string) => BodyInit }>([
    {
      title: 'brackets in an unknown member',
      bodyOf: (id) =>
        JSON.stringify({ ...accounts(id), meta: 0 }).replace(':0}', `:${nested(30_000)}}`),
    },
    {
      title: 'a byte order mark before UTF-8',
      bodyOf: (id) => bytesOf(`\ufeff${JSON.stringify(accounts(id))}`),
    },
    {
      title: 'a member that is given twice, whose last value counts',
      bodyOf: (id) => `{"data":[],"data":[{"type":"x","type":"account","id":7,"id":"${id}"}]}`,
    },
    ...['toString', 'constructor', '__proto__', 'hasOwnProperty'].map((id) => ({
      title: `${id} as the id of a cart and an account`,
      id,
      bodyOf: (id: string) => withId(`"${id}"`),
    })),
  ])('is accepted: $title', async ({ id = uniqueId('account'), bodyOf }) => {
    const response = await sendText(bodyOf(id), id)

    expect(response.status).toBe(200)
    expect(await accountIdsOf(id)).toEqual([id])
  })
})
