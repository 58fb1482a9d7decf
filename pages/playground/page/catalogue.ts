// What the shop sells, for the page and for its cart service.

export interface Product {
  id: string
  name: string
  cents: number
}

export interface Item {
  product: string
  quantity: number
}

export const PRODUCTS: readonly Product[] = [
  { id: 'lamp', name: 'Desk lamp', cents: 4900 },
  { id: 'mug', name: 'Clay mug', cents: 1450 },
  { id: 'plant', name: 'Potted fern', cents: 1900 },
]

const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })

export function isProduct(id: unknown): id is string {
  return PRODUCTS.some((product) => product.id === id)
}

export function priceOf(cents: number): string {
  return euros.format(cents / 100)
}

export function countOf(items: readonly Item[]): string {
  const count = items.reduce((sum, { quantity }) => sum + quantity, 0)
  return count === 1 ? '1 item' : `${count} items`
}

/** In cents. */
export function totalOf(items: readonly Item[]): number {
  return PRODUCTS.reduce((total, { id, cents }) => {
    const quantity = items.find(({ product }) => product === id)?.quantity ?? 0
    return total + quantity * cents
  }, 0)
}
