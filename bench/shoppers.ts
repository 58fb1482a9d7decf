// Who sends the requests of the benchmark: shoppers with tokens of their own.
import { randomUUID } from 'node:crypto'
import { asShopper } from '../test/proofs/carts-client.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'

/** An account, one cart that it keeps asking for, and the headers that say who asks. */
export interface Shopper {
  account: string
  cart: string
  headers: Record<string, string>
}

/** Each with an access token and an account token that nobody else has. */
export async function newShoppers(settings: LocalSettings, number: number): Promise<Shopper[]> {
  return await Promise.all(
    Array.from({ length: number }, async () => {
      const account = randomUUID()
      const { headers } = await asShopper(settings, account)
      return { account, cart: randomUUID(), headers }
    }),
  )
}
