import { describe, expect, it } from 'vitest'
import {
  isForCartService,
  readable,
  shortenTokens,
  targetOf,
} from '../../pages/playground/page/exchange.ts'

const token = `eyJ${'hbGciOiJFUzI1NiJ9'}.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl-x4Q`
const request = (url: string) => ({ method: 'GET', url, headers: [], body: undefined })

describe('shortenTokens', () => {
  it('leaves the first eight letters and the last three', () => {
    expect(shortenTokens(`Authorization: Bearer ${token}`)).toBe(
      'Authorization: Bearer eyJhbGci…x4Q',
    )
  })

  it('shortens each token of a document', () => {
    const text = JSON.stringify({ access_token: token, other: token })

    expect(shortenTokens(text)).toBe('{"access_token":"eyJhbGci…x4Q","other":"eyJhbGci…x4Q"}')
  })

  it('leaves everything else as it is', () => {
    const text = '{"id":"0b0c8e0e-2b4a-4a53-8c4d-1a2b3c4d5e6f","host":"a.b.example"}'

    expect(shortenTokens(text)).toBe(text)
  })
})

describe('readable', () => {
  it('indents JSON', () => {
    expect(readable('{"data":[]}')).toBe('{\n  "data": []\n}')
  })

  it('leaves a form as it is', () => {
    expect(readable('grant_type=implicit&client_id=demo')).toBe(
      'grant_type=implicit&client_id=demo',
    )
  })
})

describe('targetOf', () => {
  it('is the path with its query', () => {
    expect(targetOf(request('http://localhost:8787/v2/carts?page[limit]=1'))).toBe(
      '/v2/carts?page[limit]=1',
    )
  })
})

describe('isForCartService', () => {
  it('tells what is in a cart from who has it', () => {
    const items = request('http://localhost:8787/playground/carts/a/items')
    const carts = request('http://localhost:8787/v2/carts')

    expect([isForCartService(items), isForCartService(carts)]).toEqual([true, false])
  })
})
