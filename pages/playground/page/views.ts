// Shows the devices, each with its shop, its cart and its buttons, and Ben's card.
import type { Actor, Stranger } from './actor.ts'
import { countOf, type Item, PRODUCTS, priceOf, totalOf } from './catalogue.ts'
import type { Device } from './device.ts'
import { copyOf, element, find } from './element.ts'
import { shortenIds } from './exchange.ts'
import type { Outcome } from './outcome.ts'
import type { RequestLog } from './request-log.ts'

type LinkTo = RequestLog['linkTo']

/** Updates the elements in place, so that the focus stays and nothing moves. */
export type Render = () => void

const HINTS: Record<string, string> = {
  Phone: 'Put something in the cart.',
  Laptop: 'Once the phone’s cart is kept, sign in here too.',
}

/** Adds the device to the page. */
export function showDevice(device: Device, linkTo: LinkTo): Render {
  const { name } = device
  const prefix = name.toLowerCase()
  const whole = copyOf('#device')
  const part = (selector: string) => find(selector, whole)
  whole.classList.add(prefix)
  whole.ariaLabel = name
  part('h2').textContent = name
  part('.outcome').textContent = HINTS[name] ?? ''
  part('.products').append(...PRODUCTS.map((product) => productOf(device, product)))
  const presses: Record<string, (event: MouseEvent) => Promise<void>> = {
    // The second click of a double one would undo the first.
    'sign-in': async ({ detail }) => {
      if (detail <= 1) await (device.account === undefined ? device.signIn() : device.signOut())
    },
    keep: () => device.keep(),
    forget: () => device.forget(),
    refresh: () => device.refresh(),
    newest: () => device.keepNewest(),
    merge: () => device.merge(),
    ask: () => device.askShopper(),
  }
  for (const [press, action] of Object.entries(presses)) {
    const button = part(`[data-press="${press}"]`)
    button.id = `${prefix}-${press}`
    button.addEventListener('click', (event) => void action(event))
  }
  for (const [index, pick] of whole.querySelectorAll<HTMLElement>('.pick').entries()) {
    pick.addEventListener('click', () => {
      const cart = device.choice[index]
      if (cart !== undefined) void device.pick(cart)
    })
  }
  find('#ben').before(whole)
  const renderStatus = statusOf(device, whole, linkTo)

  return () => {
    const { account, kept, cartId, items, choice } = device
    part('.signed').textContent =
      account === undefined ? 'Nobody is signed in' : `${account.name} is signed in`
    const signIn = part('[data-press="sign-in"]')
    signIn.textContent = account === undefined ? 'Sign in as Ada' : 'Sign out'
    signIn.classList.toggle('main', account === undefined)
    part('.products').inert = choice.length > 0
    part('.count').textContent = countOf(items)
    part('.sum strong').textContent = priceOf(totalOf(items))
    const code = part('.id code')
    code.textContent = shortenIds(cartId)
    code.title = cartId
    const keeper = part('.keeper')
    keeper.textContent = kept && account !== undefined ? `Kept for ${account.name}` : 'Guest cart'
    keeper.classList.toggle('soft', kept)
    part('.lines').classList.toggle('muted', items.length === 0)
    // A line for each product from the start, so that nothing moves when one is added.
    for (const [index, line] of [...part('.lines').children].entries()) {
      const [words = '', amount = ''] = linesOf(items)[index] ?? []
      find('span', line).textContent = words
      find('span + span', line).textContent = amount
    }
    // The focus would be lost with the button that was pressed.
    const isLost = choice.length === 0 && part('.choice').contains(document.activeElement)
    if (isLost) part('[data-press="refresh"]').focus()
    renderChoice(device, part('.choice'))
    renderStatus()
    if (account !== undefined) return
    for (const press of ['keep', 'forget']) part(`[data-press="${press}"]`).ariaDisabled = 'true'
  }
}

function productOf(device: Device, { id, name, cents }: (typeof PRODUCTS)[number]): HTMLElement {
  const product = copyOf('#product')
  find('use', product).setAttribute('href', `#art-${id}`)
  find('.name', product).textContent = name
  find('.price', product).textContent = priceOf(cents)
  find('.unseen', product).textContent = ` ${name}`
  const add = find('button', product)
  add.id = `${device.name.toLowerCase()}-add-${id}`
  add.addEventListener('click', () => void device.add(id))
  return product
}

function linesOf(items: readonly Item[]): string[][] {
  if (items.length === 0) return [['Nothing in it yet']]
  return PRODUCTS.flatMap(({ id, name, cents }) => {
    const quantity = items.find(({ product }) => product === id)?.quantity ?? 0
    return quantity === 0 ? [] : [[`${quantity} × ${name}`, priceOf(quantity * cents)]]
  })
}

/** What the shop does with several carts of one account. */
function renderChoice({ choice, asking, cartId }: Device, whole: HTMLElement): void {
  whole.hidden = choice.length === 0
  for (const [index, { id, items }] of choice.entries()) {
    const row = find(`li:nth-child(${index + 1})`, whole)
    const code = find('code', row)
    code.textContent = shortenIds(id)
    code.title = id
    const contents = linesOf(items).map(([words]) => words)
    find('span', row).textContent = contents.join(', ')
    find('.whence', row).textContent = id === cartId ? 'from here' : 'from before'
    const pick = find('.pick', row)
    pick.hidden = !asking
    find('.unseen', pick).textContent = ` ${id}`
  }
}

/** Shows whether the actor is busy, and the outcome of the last press; screen readers read out a new one. */
function statusOf(actor: Actor, whole: HTMLElement, linkTo: LinkTo): Render {
  const line = find('.outcome', whole)
  const initial = line.textContent
  line.classList.add('muted')
  let shown: Outcome | undefined
  return () => {
    const { busy, outcome } = actor
    whole.ariaBusy = String(busy)
    // Unlike `disabled`, `aria-disabled` leaves the button in reach of the keyboard.
    for (const button of whole.querySelectorAll('button')) button.ariaDisabled = String(busy)
    if (outcome === shown) return
    shown = outcome
    line.classList.toggle('muted', outcome === undefined)
    line.textContent = outcome === undefined ? initial : ` ${outcome.words}`
    if (outcome?.answer === undefined) return
    const { kind, answer } = outcome
    const look = kind === 'good' ? 'soft' : 'refused'
    const link = { class: `pill ${look}`, href: linkTo(answer) }
    line.prepend(element('a', link, answer.statusLine))
  }
}

export function showStranger(ben: Stranger, linkTo: LinkTo): Render {
  find('#ben-take').addEventListener('click', () => void ben.take())
  find('#ben-look').addEventListener('click', () => void ben.look())
  return statusOf(ben, find('#ben'), linkTo)
}
