import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { OPERATIONS } from '../../bench/operations.ts'
import { type Answer, answersOf, requireSameAnswers } from '../../bench/peers/same-answers.ts'

const shopper = {
  account: 'account',
  cart: 'cart',
  headers: { Authorization: 'Bearer a.b.c', 'EP-Account-Management-Authentication-Token': 'd.e.f' },
}

const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
})

describe('answersOf', () => {
  it('asks once for each operation, the repeated association after the new one', async () => {
    const asked: string[] = []
    const url = await serve(({ method, url = '' }, response) => {
      asked.push(`${method} ${url.split('?')[0]}`)
      response.end()
    })

    await answersOf({ url }, shopper)

    const association = 'POST /v2/carts/cart/relationships/accounts'
    expect(asked).toEqual([
      ...[association, association, association],
      'GET /v2/carts',
      'POST /oauth/access_token',
    ])
  })

  it('tells an answer without a body from one with an empty document', async () => {
    const url = await serve(({ method }, response) => {
      if (method === 'POST') response.writeHead(204).end()
      else json(response, {})
    })

    const answers = await answersOf({ url }, shopper)

    expect(answers['new association']).toEqual({ status: 204, body: undefined })
    expect(answers['list of carts']).toEqual({ status: 200, body: {} })
  })
})

describe('requireSameAnswers', () => {
  it('takes answers that differ in tokens, times and hosts alone for the same', async () => {
    const [one, other] = await Promise.all([
      answersOf(
        { url: await serve(list('2026-11-23T10:00:00.000Z', 'a.b.c', 1_795_000_000)) },
        shopper,
      ),
      answersOf(
        { url: await serve(list('2026-11-23T10:00:01.500Z', 'd.e.f', 1_795_000_001)) },
        shopper,
      ),
    ])

    expect(() => requireSameAnswers('peer', one, other)).not.toThrow()
  })

  it('takes a time of another form for a difference', async () => {
    const one = await answersOf({ url: await serve(list('2026-11-23T10:00:00.000Z')) }, shopper)
    const other = await answersOf({ url: await serve(list('2026-11-23 10:00:00')) }, shopper)

    expect(() => requireSameAnswers('peer', one, other)).toThrow(
      'peer does not answer as the service: new association, body.created_at is "2026-11-23 10:00:00", not "varies"',
    )
  })

  it.each(OPERATIONS)('names the operation whose status differs: %s', (operation) => {
    const expected = answers({ status: 200, body: undefined })
    const actual = { ...expected, [operation]: { status: 201, body: undefined } }

    expect(() => requireSameAnswers('peer', expected, actual)).toThrow(
      `peer does not answer as the service: ${operation}, status is 201, not 200`,
    )
  })

  it.each([
    ['another value', { data: [{ id: 'b' }] }, 'body.data[0].id is "b", not "a"'],
    ['another type', { data: [{ id: 1 }] }, 'body.data[0].id is 1, not "a"'],
    ['a member less', { data: [{}] }, 'body.data[0].id is absent, not "a"'],
    ['a member more', { data: [{ id: 'a', x: null }] }, 'body.data[0].x is null, not absent'],
    ['an element less', { data: [] }, 'body.data[0] is absent, not {"id":"a"}'],
    ['an object for an array', { data: { 0: { id: 'a' } } }, 'body.data is {"0":{"id":"a"}}, not'],
    ['no body', undefined, 'body is absent, not {"data":[{"id":"a"}]}'],
  ])('names the member that differs: %s', (_, body, difference) => {
    const expected = answers({ status: 200, body: { data: [{ id: 'a' }] } })

    expect(() => requireSameAnswers('peer', expected, answers({ status: 200, body }))).toThrow(
      `peer does not answer as the service: new association, ${difference}`,
    )
  })
})

/** The same answer to each operation. */
function answers(answer: Answer) {
  return {
    'new association': answer,
    'repeated association': answer,
    'refused token': answer,
    'list of carts': answer,
    'token request': answer,
  }
}

function list(
  created_at: string,
  access_token = 'a.b.c',
  expires = 1_795_000_000,
): RequestListener {
  return ({ headers: { host } }, response) =>
    json(response, { created_at, access_token, expires, self: `http://${host}/v2/carts/cart` })
}

function json(response: ServerResponse, body: object): void {
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body))
}

/** Serves until the test has ended. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not an address of TCP')
  return `http://127.0.0.1:${address.port}`
}
