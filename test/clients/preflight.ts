// The preflight that a browser sends before a request of a client; Node sends none.
import { expect } from 'vitest'
import type { Exchange } from './recorded-fetch.ts'
import { worker } from './shoppers.ts'

export async function expectPreflights(exchanges: Exchange[]): Promise<void> {
  for (const { line, headers } of exchanges) {
    const [method = '', target = ''] = line.split(' ')
    const names = [...headers.keys()]
    const answer = await fetch(new URL(target, worker.url), {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://shop.example',
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': names.join(','),
      },
    })
    const list = (name: string) => answer.headers.get(name)?.toLowerCase().split(/, */) ?? []
    expect(answer.status).toBe(204)
    expect(list('Access-Control-Allow-Origin')).toEqual(['*'])
    expect(list('Access-Control-Allow-Methods')).toContain(method.toLowerCase())
    expect(list('Access-Control-Allow-Headers')).toEqual(expect.arrayContaining(names))
  }
}
