// One of Ada's devices: its cart, whether she is signed in, and what its buttons do.
import { Actor } from './actor.ts'
import { countOf, type Item } from './catalogue.ts'
import { type Answer, cartsOf, itemsOf, shortenIds } from './exchange.ts'
import { startNewCart } from './memory.ts'
import { good, type Outcome, refused, told, trouble } from './outcome.ts'
import type { Account } from './session.ts'

/** A cart of the account, and what is in it. */
export interface ListedCart {
  id: string
  items: Item[]
}

const SIGN_IN_FIRST = 'Sign in first: a cart is kept for an account.'
/** More carts than this are rare, and the list stays short. */
const CHOICES = 2
const NOBODY_CAN_SIGN_IN = 'Account tokens come from another issuer here, so nobody can sign in.'

export class Device extends Actor {
  items: Item[] = []
  /** Last used first, until the shop has chosen one; empty unless the account has several. */
  choice: readonly ListedCart[] = []
  /** Whether the shop lets the shopper choose. */
  asking = false

  get cartId(): string {
    return this.memory.cartId
  }

  /** Whether the account has the cart, by the last answer. */
  get kept(): boolean {
    return this.memory.kept
  }

  get account(): Account | undefined {
    const { ada } = this.session.accounts ?? {}
    return ada?.accountId === this.memory.accountId ? ada : undefined
  }

  /** Continues after a reload. Starts over after a new npm start, which accepts no earlier token. */
  async resume(): Promise<void> {
    if (!this.recalled) return
    if (this.account?.accountId !== this.memory.accountId) return this.startOver()
    await this.run(async () => {
      const { account } = this
      const { answer, closed } = await this.#askForItems()
      if (closed !== undefined) return closed
      if (account !== undefined && this.memory.choosing) return await this.#offer(account)
      // A device that was not used yet keeps its hint.
      if (account === undefined && this.items.length === 0) return undefined
      return good(answer, 'Reloaded: this tab still knows its cart.')
    })
  }

  /** Makes the account forget its carts, so that the story begins as it did the first time. */
  async clearAccount(): Promise<void> {
    const { ada } = this.session.accounts ?? {}
    if (ada === undefined) return
    await this.run(async () => {
      const answer = await this.ask({ method: 'GET', path: '/v2/carts', account: ada })
      const ids = answer.status === 200 ? cartsOf(answer).ids : []
      for (const id of ids) await this.relate('DELETE', id, ada)
      return undefined
    })
  }

  override async startOver(): Promise<void> {
    this.items = []
    this.#closeChoice()
    await super.startOver()
  }

  async add(product: string): Promise<void> {
    await this.run(async () => {
      const { answer, closed } = await this.#askForItems({ product })
      if (closed !== undefined) return closed
      const words = this.kept
        ? 'In the cart. Press Refresh on the other device to see it there.'
        : 'In the cart, which no account has yet: only this device knows its id.'
      const another = this.name === 'laptop' && this.account === undefined
      return good(answer, words, another ? 'filled-another' : 'filled')
    })
  }

  /** Keeps the cart if something is in it; if not, looks for a cart of the account. */
  async signIn(): Promise<void> {
    await this.run(async () => {
      const { ada } = this.session.accounts ?? {}
      if (ada === undefined) return told(NOBODY_CAN_SIGN_IN)
      this.memory.accountId = ada.accountId
      let outcome: Outcome | undefined
      try {
        outcome = this.items.length > 0 ? await this.#bring(ada) : await this.#find(ada)
        return outcome
      } finally {
        if (outcome === undefined || outcome.kind === 'trouble') this.memory.accountId = undefined
      }
    })
  }

  async signOut(): Promise<void> {
    await this.run(async () => {
      const { kept, account } = this
      this.#closeChoice()
      this.memory.accountId = undefined
      if (!kept) return told('Signed out. Nobody is asked: the device drops its tokens.')
      startNewCart(this.memory)
      this.items = []
      return told(`Signed out. The cart stays with ${account?.name}’s account.`)
    })
  }

  async keep(): Promise<void> {
    await this.#runSignedIn((account) => this.#keep(account))
  }

  async forget(): Promise<void> {
    await this.#runSignedIn(async (account) => {
      const answer = await this.relate('DELETE', this.cartId, account)
      if (answer.status !== 204) return trouble(answer)
      this.#closeChoice()
      this.memory.kept = false
      const words = `${account.name}’s account has forgotten this cart. Press Refresh on the other device: it is gone there.`
      return good(answer, words, 'forgotten')
    })
  }

  async refresh(): Promise<void> {
    await this.run(async () => {
      const { account } = this
      const ownCart = !this.kept && this.items.length > 0
      if (account !== undefined && !ownCart) return await this.#find(account)
      const { answer, closed } = await this.#askForItems()
      return closed ?? good(answer, 'This is what the cart service has.')
    })
  }

  /** The first policy: nobody is asked, as the list is in this order already. */
  async keepNewest(): Promise<void> {
    await this.#choose(async ([newest, ...others]) => {
      this.#show(newest)
      const rest = others.map(({ id }) => shortenIds(id)).join(' and ')
      return {
        ...told(
          `Kept ${shortenIds(newest.id)}, the first of the list. ${rest} stays with the account, after it.`,
        ),
        event: 'chosen',
      }
    })
  }

  /** The second: first copies the items, then dissociates the other carts, so that none is lost. */
  async merge(): Promise<void> {
    await this.#choose(async ([newest, ...others], account) => {
      this.#show(newest)
      let last: Answer | undefined
      for (const { id, items } of others) {
        for (const { product, quantity } of items) {
          for (let n = 0; n < quantity; n += 1) {
            const { closed } = await this.#askForItems({ product })
            if (closed !== undefined) return closed
          }
        }
        last = await this.relate('DELETE', id, account)
        if (last.status !== 204) return trouble(last)
      }
      const words = `Merged into ${shortenIds(newest.id)}, and ${account.name}’s account has forgotten the other. Press Refresh on the other device.`
      return last === undefined ? told(words) : good(last, words, 'chosen')
    })
  }

  /** The third: shows the carts to the shopper. */
  async askShopper(): Promise<void> {
    await this.run(async () => {
      this.asking = true
      return told('Which one goes on? The shop asks for that cart again, which puts it first.')
    })
  }

  /** What the shopper answers. The repeated association makes this cart the last used. */
  async pick(id: string): Promise<void> {
    await this.#choose(async (carts, account) => {
      const answer = await this.relate('POST', id, account)
      if (answer.status !== 200 && answer.status !== 204) return trouble(answer)
      const picked = carts.find((cart) => cart.id === id)
      if (picked !== undefined) this.#show(picked)
      const words = `Asked for again, ${shortenIds(id)} is the first of the list now. The other stays with the account.`
      return good(answer, words, 'chosen')
    })
  }

  /** Closes the choice unless something went wrong: then it can be made again. */
  async #choose(
    action: (carts: readonly [ListedCart, ...ListedCart[]], account: Account) => Promise<Outcome>,
  ): Promise<void> {
    await this.#runSignedIn(async (account) => {
      const [newest, ...others] = this.choice
      if (newest === undefined) return told('The choice is made.')
      const outcome = await action([newest, ...others], account)
      if (outcome.event === 'chosen') this.#closeChoice()
      return outcome
    })
  }

  #show({ id, items }: ListedCart): void {
    this.memory.cartId = id
    this.memory.kept = true
    this.items = items
  }

  #closeChoice(): void {
    this.choice = []
    this.asking = false
    this.memory.choosing = false
  }

  async #runSignedIn(action: (account: Account) => Promise<Outcome>): Promise<void> {
    await this.run(async () => {
      if (this.session.accounts === undefined) return told(NOBODY_CAN_SIGN_IN)
      return this.account === undefined ? told(SIGN_IN_FIRST) : await action(this.account)
    })
  }

  /** At a sign-in with a cart: keeps it, and finds out whether the account has others. */
  async #bring(account: Account): Promise<Outcome> {
    const outcome = await this.#keep(account)
    if (outcome.kind !== 'good') return outcome
    const offered = await this.#offer(account)
    if (offered.kind === 'trouble') return offered
    // The cart is kept in either case.
    return this.choice.length > 0 ? { ...offered, event: 'kept' } : outcome
  }

  /** Lists the carts of the account. If there are several, the shop has to choose. */
  async #offer(account: Account): Promise<Outcome> {
    const answer = await this.ask({ method: 'GET', path: '/v2/carts', account })
    if (answer.status !== 200) return trouble(answer)
    const { ids, total } = cartsOf(answer)
    const carts: ListedCart[] = []
    for (const id of total > 1 ? ids.slice(0, CHOICES) : []) {
      const path = `/playground/carts/${id}/items`
      const items = await this.ask({ method: 'GET', path, account })
      if (items.status !== 200) return trouble(items)
      carts.push({ id, items: itemsOf(items) })
    }
    this.choice = carts
    this.memory.choosing = carts.length > 0
    const words = `${account.name}’s account has ${total} carts now, and none of them is lost. This one was used last.`
    return good(answer, words)
  }

  async #keep(account: Account): Promise<Outcome> {
    const answer = await this.relate('POST', this.cartId, account)
    if (answer.status === 403 && answer.body.includes('required permissions')) {
      this.memory.kept = false
      return refused(
        answer,
        'Another account has this cart, and keeps it. Start over for a new one.',
      )
    }
    if (answer.status !== 200 && answer.status !== 204) return trouble(answer)
    this.memory.kept = true
    if (answer.status === 204) {
      const words = `${account.name}’s account had this cart already: repeating is harmless.`
      return good(answer, words, 'kept-again')
    }
    const words = `${account.name}’s account has this cart now, and any device where she signs in finds it.`
    return good(answer, words, 'kept')
  }

  async #find(account: Account): Promise<Outcome> {
    const { name } = account
    const answer = await this.ask({ method: 'GET', path: '/v2/carts', account })
    if (answer.status !== 200) return trouble(answer)
    const { ids, total } = cartsOf(answer)
    const [newest] = ids
    if (newest === undefined) return this.#hasNoCart(answer, name)

    const before = this.kept && newest !== this.cartId ? this.cartId : undefined
    this.#closeChoice()
    this.memory.cartId = newest
    this.memory.kept = true
    const { closed } = await this.#askForItems()
    if (closed !== undefined) return closed
    const which = total === 1 ? 'one cart' : `${total} carts, and used last`
    const words = `${name}’s account has ${which}: ${shortenIds(newest)}, with ${countOf(this.items)}.`
    const change = before === undefined ? '' : ` Before, this device showed ${shortenIds(before)}.`
    return good(answer, words + change, 'found')
  }

  #hasNoCart(answer: Answer, name: string): Outcome {
    if (!this.kept) {
      return good(answer, `${name}’s account has no cart yet. Fill this one, then keep it.`)
    }
    startNewCart(this.memory)
    this.items = []
    return good(answer, `${name}’s account has no cart any more: this device starts a new one.`)
  }

  /** Reads the items of the cart, or adds one: the cart service returns all items either way. */
  async #askForItems(json?: { product: string }): Promise<{ answer: Answer; closed?: Outcome }> {
    const { account, cartId } = this
    const method = json === undefined ? 'GET' : 'POST'
    const path = `/playground/carts/${cartId}/items`
    const answer = await this.ask({ method, path, account, json })
    if (answer.status !== 200) return { answer, closed: this.#closed(answer) }
    this.items = itemsOf(answer)
    return { answer }
  }

  /** Why the cart service let nobody see the cart. */
  #closed(answer: Answer): Outcome {
    if (this.account === undefined && answer.status === 401) {
      return refused(answer, 'An account has this cart now. Sign in, or start over for a new one.')
    }
    if (this.account !== undefined && answer.status === 404) {
      return refused(answer, 'Another account has this cart now. Start over for a new one.')
    }
    return trouble(answer)
  }
}
