// What the page reads of the answers.
import * as v from 'valibot'
import type { Item } from './catalogue.ts'
import type { Answer } from './exchange.ts'

const items = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ data: v.array(v.object({ product: v.string(), quantity: v.number() })) }),
)
const carts = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    data: v.array(v.object({ id: v.string() })),
    meta: v.object({ results: v.object({ total: v.number() }) }),
  }),
)

export interface Carts {
  /** Newest association first. */
  ids: string[]
  total: number
}

export function itemsOf({ body }: Answer): Item[] {
  return v.parse(items, body).data
}

export function cartsOf({ body }: Answer): Carts {
  const { data, meta } = v.parse(carts, body)
  return { ids: data.map(({ id }) => id), total: meta.results.total }
}
