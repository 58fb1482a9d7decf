// What is in one cart, kept by one Durable Object, so that no addition is lost.
import { DurableObject } from 'cloudflare:workers'
import type { Item } from './page/catalogue.ts'

export class CartItems extends DurableObject {
  /** In the order of their names. */
  async list(): Promise<Item[]> {
    const quantities = await this.ctx.storage.list<number>()
    return [...quantities].map(([product, quantity]) => ({ product, quantity }))
  }

  async add(product: string): Promise<Item[]> {
    const quantity = (await this.ctx.storage.get<number>(product)) ?? 0
    await this.ctx.storage.put(product, quantity + 1)
    return await this.list()
  }
}
