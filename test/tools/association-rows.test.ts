import { describe, expect, it } from 'vitest'
import {
  backgroundKey,
  CARTS_OF_ACCOUNT,
  FULLY_HOT,
  HOT_ACCOUNT,
  HOT_CART,
  hotAccountKey,
  hotCartKey,
  kindsIn,
  rowAt,
  type ScaleRow,
} from '../lib/association-rows.ts'

function firstRows(size: number): ScaleRow[] {
  return Array.from({ length: size }, (_, number) => rowAt(number))
}

describe.each([1_000, 1_005, 1_011, 2_500])('the first %i rows', (size) => {
  const rows = firstRows(size)
  const { accounts, hotCarts, hotAccounts } = kindsIn(size)

  it('are of each kind as many as is said, and no other row is of them', () => {
    const ofHotAccount = rows.filter(({ account }) => account === HOT_ACCOUNT)
    const ofHotCart = rows.filter(({ cart }) => cart === HOT_CART)
    const keys = new Set(rows.map(({ cart, account }) => `${cart} ${account}`))

    expect(ofHotAccount).toHaveLength(hotCarts)
    expect(ofHotCart).toHaveLength(hotAccounts)
    expect(ofHotAccount.at(-1)).toMatchObject(hotAccountKey(hotCarts - 1))
    expect(ofHotCart.at(-1)).toMatchObject(hotCartKey(hotAccounts - 1))
    expect(keys.size).toBe(size)
  })

  it('hold three carts of each background account that is counted, and no cart twice', () => {
    const carts = Map.groupBy(rows, ({ account }) => account)
    const numbers = Array.from({ length: accounts * CARTS_OF_ACCOUNT }, (_, number) => number)
    const background = rows.filter(
      ({ cart, account }) => cart !== HOT_CART && account !== HOT_ACCOUNT,
    )

    for (const number of numbers) {
      const { cart, account } = backgroundKey(number)
      expect(carts.get(account)?.map((row) => row.cart)).toContain(cart)
      expect(carts.get(account)).toHaveLength(CARTS_OF_ACCOUNT)
    }
    expect(new Set(background.map(({ cart }) => cart)).size).toBe(background.length)
    expect(background.length - numbers.length).toBeLessThan(CARTS_OF_ACCOUNT)
  })
})

describe('the rows', () => {
  it('have 100,000 carts of the hot account and 10,000 accounts of the hot cart, and then no more', () => {
    const background = 890_000

    expect(kindsIn(FULLY_HOT)).toEqual({
      accounts: 296_666,
      hotCarts: 100_000,
      hotAccounts: 10_000,
    })
    expect(kindsIn(10 * FULLY_HOT)).toMatchObject({ hotCarts: 100_000, hotAccounts: 10_000 })
    expect(rowAt(FULLY_HOT - 1)).toMatchObject(backgroundKey(background - 1))
    expect(rowAt(FULLY_HOT)).toMatchObject(backgroundKey(background))
    expect(rowAt(FULLY_HOT + 5)).toMatchObject(backgroundKey(background + 5))
  })
})
