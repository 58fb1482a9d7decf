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

describe('brackets in a body', () => {
  it('are refused with 413 if there are a million', async () => {
    const response = await sendText(nested(500_000))

    await expectErrors(response, 413, {
      title: 'Payload Too Large',
      detail: 'The request body must be at most 65536 bytes',
    })
  })

  it('are an array in an array if they fill 64 KiB', async () => {
    const response = await sendText(nested(32_768))

    await expectErrors(response, 400, {
      title: 'invalid_type',
      detail: 'Invalid type. Expected: object, given: array',
      source: 'data[0]',
    })
  })

  it('are not an id, however many', async () => {
    const response = await sendText(withId(nested(30_000)))

    await expectErrors(response, 400, {
      title: 'invalid_type',
      detail: 'Invalid type. Expected: string, given: array',
      source: 'data[0].id',
    })
  })

  it('are ignored in an unknown member', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const document = JSON.stringify({ ...accounts(account), meta: 0 })

    const response = await sendText(document.replace(':0}', `:${nested(30_000)}}`), cart)

    expect(response.status).toBe(200)
    expect(await accountIdsOf(cart)).toEqual([account])
  })
})

describe('a character that is not valid', () => {
  it.each(['"\\udc00\\ud800"', '"\\ufeffa"', '"\\u202ea"'])(
    'is refused in an id, also if it is escaped: %s',
    async (id) => {
      await expectErrors(await sendText(withId(id)), 400, unsafeId)
    },
  )

  it.each([
    { title: 'NUL', bytes: [0x00] },
    { title: 'a line end', bytes: [0x0a] },
    { title: 'a surrogate in UTF-8', bytes: [0xed, 0xa0, 0x80] },
    { title: 'an overlong NUL', bytes: [0xc0, 0x80] },
    { title: 'a sequence cut short', bytes: [0xf0, 0x9f, 0x92] },
    { title: 'beyond Unicode', bytes: [0xf4, 0x90, 0x80, 0x80] },
    { title: 'Latin-1', bytes: [0xe9] },
  ])('is refused as not JSON if it is $title', async ({ bytes }) => {
    await expectErrors(await sendText(withBytes(...bytes)), 400, notJson)
  })

  it('may be a byte order mark before UTF-8, but not before UTF-16', async () => {
    const json = JSON.stringify(accounts('a'))
    const utf16 = Uint8Array.from([0xff, 0xfe, ...[...json].flatMap((c) => [c.charCodeAt(0), 0])])

    expect((await sendText(bytesOf(`\ufeff${json}`))).status).toBe(200)
    await expectErrors(await sendText(utf16), 400, notJson)
  })
})

describe('a member that every object inherits', () => {
  it.each([
    '{"__proto__":{"type":"account","id":"a"}}',
    '{"constructor":{"prototype":{"type":"account"}},"id":"a"}',
    '{"__proto__":{"type":"account"},"id":"a"}',
  ])('is not the type of an element: %s', async (element) => {
    await expectErrors(await sendText(`[${element}]`), 400, noType)

    expect(Object('').type).toBeUndefined()
  })

  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'may be the id of an account and of a cart: %s',
    async (id) => {
      const response = await sendText(withId(`"${id}"`), id)

      expect(response.status).toBe(200)
      expect(await accountIdsOf(id)).toEqual([id])
    },
  )
})

describe('a member that is given twice', () => {
  it('has the last value, as in JSON.parse', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]

    const response = await sendText(
      `{"data":[],"data":[{"type":"x","type":"account","id":7,"id":"${account}"}]}`,
      cart,
    )

    expect(response.status).toBe(200)
    expect(await accountIdsOf(cart)).toEqual([account])
  })
})
