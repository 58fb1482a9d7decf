// Draws the devices, each with its shop, its cart and its buttons, and Ben's card.
import { countOf, type Item, PRODUCTS, type Product, priceOf, totalOf } from './catalogue.ts'
import type { Device, ListedCart } from './device.ts'
import { button, drawing, element, existing, markDisabled } from './element.ts'
import { shortenIds } from './exchange.ts'
import { type LinkTo, outcomeLine } from './outcome.ts'
import type { Stranger } from './stranger.ts'

export interface View {
  element: HTMLElement
  /** Updates the elements in place, so that the focus stays. */
  render: () => void
}

const HINTS: Record<string, string> = {
  phone: 'Put something in the cart.',
  laptop: 'Once the phone’s cart is kept, sign in here too.',
}

export function deviceView(device: Device, title: string, linkTo: LinkTo): View {
  const { name } = device
  const who = element('span', { class: 'signed' })
  const adds = PRODUCTS.map((product) => addButton(device, product))
  const cart = cartView(name)
  const choice = choiceView(device)
  const actions = actionsOf(device)
  const outcome = outcomeLine(linkTo, HINTS[name] ?? '')
  const headingId = `${name}-heading`
  const products = element('ul', { class: 'products' }, ...adds.map(({ element }) => element))

  const screen = element(
    'div',
    { class: 'screen' },
    element(
      'div',
      { class: 'shop' },
      element('p', { class: 'brand' }, 'Fern & Lamp'),
      actions.sign,
    ),
    element('div', { class: 'shelf' }, products, choice.element),
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
      const { account, busy } = device
      whole.setAttribute('aria-busy', String(busy))
      who.textContent =
        account === undefined ? 'Nobody is signed in' : `${account.name} is signed in`
      products.inert = device.choice.length > 0
      for (const add of adds) markDisabled(add.button, busy)
      cart.render(device)
      choice.render()
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
  const count = element('span', { class: 'count' })
  const total = element('strong')
  const cartId = element('code')
  const keeper = element('span', { class: 'keeper' })
  const heading = element('h3', { id: `${name}-cart` }, 'Cart')
  const whole = element(
    'div',
    { class: 'cart', role: 'group', 'aria-labelledby': `${name}-cart` },
    element('div', { class: 'sum' }, heading, count, total),
    element('ul', { class: 'lines' }, ...lines),
    element('p', { class: 'id' }, cartId, keeper),
  )
  return {
    element: whole,
    render({ items, cartId: id, kept, account }: Device) {
      count.textContent = countOf(items)
      total.textContent = priceOf(totalOf(items))
      cartId.textContent = shortenIds(id)
      cartId.title = id
      keeper.textContent = kept && account !== undefined ? `Kept for ${account.name}` : 'Guest cart'
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
  // What a shop calls it, and what the API does.
  const keep = button({ id: `${name}-keep` }, () => device.keep(), ...bridged('Keep', 'associate'))
  const forget = button(
    { id: `${name}-forget` },
    () => device.forget(),
    ...bridged('Forget', 'dissociate'),
  )
  const refresh = button(
    { id: `${name}-refresh` },
    () => device.refresh(),
    ...bridged('Refresh', 'list'),
  )
  return {
    sign,
    element: element('div', { class: 'actions' }, keep, forget, refresh),
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

function bridged(words: string, call: string): Node[] {
  return [element('span', {}, words), element('small', {}, call)]
}

/** What the shop does with several carts of one account. */
function choiceView(device: Device): View {
  const { name } = device
  const list = element('ol')
  const policies = [
    button(
      { id: `${name}-newest` },
      () => device.keepNewest(),
      ...bridged('Keep the newest', 'first of the list'),
    ),
    button(
      { id: `${name}-merge` },
      () => device.merge(),
      ...bridged('Merge the items', 'then dissociate'),
    ),
    button(
      { id: `${name}-ask` },
      () => device.askShopper(),
      ...bridged('Ask Ada', 'associate again'),
    ),
  ]
  const row = element('div', { class: 'policies' }, ...policies)
  const headingId = `${name}-choice`
  const whole = element(
    'div',
    { class: 'choice', role: 'group', 'aria-labelledby': headingId },
    element('h3', { id: headingId }, 'Carts, last used first'),
    list,
    element('p', {}, 'cart-accounts keeps the list; what happens now is up to the shop:'),
    row,
  )
  let shown: unknown
  return {
    element: whole,
    render() {
      const { choice, asking, busy } = device
      const made = choice.length === 0
      // The focus would be lost with the button that was pressed.
      if (made && whole.contains(document.activeElement)) existing(`${name}-refresh`).focus()
      whole.hidden = made
      for (const policy of policies) markDisabled(policy, busy)
      if (shown === `${asking}${choice.length}`) return
      shown = `${asking}${choice.length}`
      list.replaceChildren(...choice.map((cart) => choiceRow(device, cart)))
    },
  }
}

function choiceRow(device: Device, { id, items }: ListedCart): HTMLElement {
  const contents = linesOf(items).flatMap(([line]) => line?.textContent ?? [])
  const row = element(
    'li',
    {},
    element('code', { title: id }, shortenIds(id)),
    element('span', {}, contents.join(', ')),
    element('span', { class: 'whence' }, id === device.cartId ? 'from here' : 'from before'),
  )
  if (device.asking) {
    const words = [element('span', {}, 'This one'), element('span', { class: 'unseen' }, ` ${id}`)]
    row.append(button({ class: 'pick quiet' }, () => device.pick(id), ...words))
  }
  return row
}

export function strangerView(ben: Stranger, linkTo: LinkTo): View {
  const take = button({ id: 'ben-take' }, () => ben.take(), 'Try to take it')
  const look = button({ id: 'ben-look' }, () => ben.look(), 'Try to open it')
  const outcome = outcomeLine(linkTo, 'What he gets appears here.')
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
