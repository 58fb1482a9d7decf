// Draws the devices, each with its shop, its cart and its buttons, and Ben's card.
import { countOf, type Item, PRODUCTS, type Product, priceOf, totalOf } from './catalogue.ts'
import type { Device } from './device.ts'
import { button, drawing, element, markDisabled } from './element.ts'
import { type LinkTo, outcomeLine } from './outcome.ts'
import type { Stranger } from './stranger.ts'

export interface View {
  element: HTMLElement
  /** Updates the elements in place, so that the focus stays. */
  render: () => void
}

const HINTS: Record<string, string> = {
  phone: 'Put something in the cart.',
  laptop: 'Once the phone’s cart is kept, sign in here.',
}

export function deviceView(device: Device, title: string, linkTo: LinkTo): View {
  const { name } = device
  const who = element('span', { class: 'signed' })
  const count = element('span', { class: 'count' })
  const adds = PRODUCTS.map((product) => addButton(device, product))
  const cart = cartView(name)
  const actions = actionsOf(device)
  const outcome = outcomeLine(linkTo, HINTS[name] ?? '')
  const headingId = `${name}-heading`

  const screen = element(
    'div',
    { class: 'screen' },
    element('p', { class: 'shop' }, element('span', { class: 'brand' }, 'Fern & Lamp'), count),
    element('ul', { class: 'products' }, ...adds.map(({ element }) => element)),
    element(
      'div',
      { class: 'below' },
      cart.element,
      element('div', {}, actions.element, outcome.element),
    ),
  )
  const whole = element(
    'section',
    { class: `device ${name}`, 'aria-labelledby': headingId },
    element('div', { class: 'caption' }, element('h2', { id: headingId }, title), who),
    element('div', { class: 'frame' }, screen),
  )
  return {
    element: whole,
    render() {
      const { items, account, busy } = device
      whole.setAttribute('aria-busy', String(busy))
      who.textContent =
        account === undefined ? 'Nobody is signed in' : `${account.name} is signed in`
      count.textContent = countOf(items)
      for (const add of adds) markDisabled(add.button, busy)
      cart.render(device)
      actions.render()
      outcome.show(device.outcome)
    },
  }
}

function addButton(device: Device, { id, name, cents }: Product) {
  const add = button(
    { id: `${device.name}-add-${id}`, class: 'quiet' },
    () => device.add(id),
    'Add',
    element('span', { class: 'unseen' }, ` ${name}`),
  )
  const product = element(
    'li',
    {},
    drawing(`art-${id}`),
    element('span', { class: 'name' }, name),
    element('span', { class: 'price' }, priceOf(cents)),
    add,
  )
  return { element: product, button: add }
}

/** A line for each product from the start, so that nothing moves when one is added. */
function cartView(name: string) {
  const lines = PRODUCTS.map(() => element('li'))
  const total = element('strong')
  const cartId = element('code')
  const keeper = element('span', { class: 'keeper' })
  const heading = element('h3', { id: `${name}-cart` }, 'Cart')
  const whole = element(
    'div',
    { class: 'cart', role: 'group', 'aria-labelledby': `${name}-cart` },
    element('p', { class: 'sum' }, heading, total),
    element('ul', { class: 'lines' }, ...lines),
    element('p', { class: 'id' }, cartId, keeper),
  )
  return {
    element: whole,
    render({ items, cartId: id, kept, account }: Device) {
      total.textContent = priceOf(totalOf(items))
      cartId.textContent = `${id.slice(0, 8)}…`
      cartId.title = id
      keeper.textContent =
        kept && account !== undefined ? `Kept for ${account.name}` : 'Of no account'
      keeper.dataset['kept'] = String(kept)
      const rows = linesOf(items)
      for (const [index, line] of lines.entries()) line.replaceChildren(...(rows[index] ?? []))
    },
  }
}

function linesOf(items: readonly Item[]): Node[][] {
  const rows = PRODUCTS.flatMap(({ id, name, cents }) => {
    const quantity = items.find(({ product }) => product === id)?.quantity ?? 0
    if (quantity === 0) return []
    const amount = element('span', {}, priceOf(quantity * cents))
    return [[element('span', {}, `${quantity} × ${name}`), amount]]
  })
  return rows.length > 0 ? rows : [[element('span', { class: 'empty' }, 'Nothing in it yet')]]
}

function actionsOf(device: Device) {
  const { name } = device
  const sign = button({ id: `${name}-sign-in`, class: 'main' }, async ({ detail }) => {
    // The second click of a double one would undo the first.
    if (detail > 1) return
    await (device.account === undefined ? device.signIn() : device.signOut())
  })
  const keep = button({ id: `${name}-keep` }, () => device.keep(), 'Keep cart')
  const forget = button({ id: `${name}-forget` }, () => device.forget(), 'Forget cart')
  const refresh = button({ id: `${name}-refresh` }, () => device.refresh(), 'Refresh')
  return {
    element: element('div', { class: 'actions' }, sign, keep, forget, refresh),
    render() {
      const { account, busy } = device
      sign.textContent = account === undefined ? 'Sign in as Ada' : 'Sign out'
      sign.classList.toggle('main', account === undefined)
      markDisabled(sign, busy)
      markDisabled(refresh, busy)
      for (const made of [keep, forget]) markDisabled(made, busy || account === undefined)
    },
  }
}

export function strangerView(ben: Stranger, linkTo: LinkTo): View {
  const take = button({ id: 'ben-take' }, () => ben.take(), 'Try to take it')
  const look = button({ id: 'ben-look' }, () => ben.look(), 'Look into it')
  const outcome = outcomeLine(linkTo, 'He has not tried yet.')
  const whole = element(
    'section',
    { class: 'stranger', 'aria-labelledby': 'ben-heading' },
    element('h2', { id: 'ben-heading' }, 'Somebody else'),
    element('p', {}, 'Ben has an account too, and has come to know the id of Ada’s cart.'),
    element('div', { class: 'actions' }, take, look),
    outcome.element,
  )
  return {
    element: whole,
    render() {
      whole.setAttribute('aria-busy', String(ben.busy))
      for (const made of [take, look]) markDisabled(made, ben.busy)
      outcome.show(ben.outcome)
    },
  }
}
