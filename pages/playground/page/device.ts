// One of Ada's devices: its cart, whether she is signed in, and what its buttons do.
import { Actor } from './actor.ts'
import { countOf, type Item } from './catalogue.ts'
import { type Answer, cartsOf, itemsOf, shortenIds } from './exchange.ts'
import { good, Interrupted, type Outcome, refused, trouble } from './outcome.ts'
import { type Account, newCart } from './session.ts'

/** A cart of the account, and what is in it. */
export interface ListedCart {
  id: string
  items: Item[]
}

const SIGN_IN_FIRST = 'Sign in first: a cart is kept for an account.'
const NOBODY_CAN_SIGN_IN = 'Account tokens come from another issuer here, so nobody can sign in.'
/** More carts than this are rare, and the list stays short. */
const CHOICES = 2

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
      const answer = await this.#askForItems()
      if (account !== undefined && this.memory.choosing) return await this.#offer(account)
      // A device that was not used yet keeps its hint.
      if (account === undefined && this.items.length === 0) return undefined
      return good('Reloaded: this tab still knows its cart.', answer)
    })
  }

  /** Makes the account forget its carts, so that the story begins as it did the first time. */
  async clearAccount(): Promise<void> {
    const { ada } = this.session.accounts ?? {}
    if (ada === undefined) return
    await this.run(async () => {
      const { ids } = cartsOf(await this.#askForCarts(ada))
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
      const answer = await this.#askForItems({ product })
      const words = this.kept
        ? 'In the cart. Press Refresh on the other device to see it there.'
        : 'In the cart, which no account has yet: only this device knows its id.'
      const another = this.name === 'Laptop' && this.account === undefined
      return good(words, answer, another ? 'filled-another' : 'filled')
    })
  }

  /** Keeps the cart if something is in it; if not, looks for a cart of the account. */
  async signIn(): Promise<void> {
    await this.run(async () => {
      const { ada } = this.session.accounts ?? {}
      if (ada === undefined) return good(NOBODY_CAN_SIGN_IN)
      this.memory.accountId = ada.accountId
      try {
        return this.items.length > 0 ? await this.#bring(ada) : await this.#find(ada)
      } catch (error) {
        const isRefused = error instanceof Interrupted && error.outcome.kind === 'refused'
        if (!isRefused) this.memory.accountId = undefined
        throw error
      }
    })
  }

  async signOut(): Promise<void> {
    await this.run(async () => {
      const { kept, account } = this
      this.#closeChoice()
      this.memory.accountId = undefined
      if (!kept) return good('Signed out. Nobody is asked: the device drops its tokens.')
      this.#startNewCart()
      return good(`Signed out. The cart stays with ${account?.name}’s account.`)
    })
  }

  async keep(): Promise<void> {
    await this.#runSignedIn((account) => this.#keep(account))
  }

  async forget(): Promise<void> {
    await this.#runSignedIn(async (account) => {
      const answer = await this.relate('DELETE', this.cartId, account)
      this.#closeChoice()
      this.memory.kept = false
      const words = `${account.name}’s account has forgotten this cart. Press Refresh on the other device: it is gone there.`
      return good(words, answer, 'forgotten')
    })
  }

  async refresh(): Promise<void> {
    await this.run(async () => {
      const { account } = this
      const ownCart = !this.kept && this.items.length > 0
      if (account !== undefined && !ownCart) return await this.#find(account)
      return good('This is what the cart service has.', await this.#askForItems())
    })
  }

  /** The first policy: nobody is asked, as the list is in this order already. */
  async keepNewest(): Promise<void> {
    await this.#choose(async ([newest, ...others]) => {
      this.#show(newest)
      const rest = others.map(({ id }) => shortenIds(id)).join(' and ')
      const words = `Kept ${shortenIds(newest.id)}, the first of the list. ${rest} stays with the account, after it.`
      return good(words)
    })
  }

  /** The second: first copies the items, then dissociates the other carts, so that none is lost. */
  async merge(): Promise<void> {
    await this.#choose(async ([newest, ...others], account) => {
      this.#show(newest)
      let last: Answer | undefined
      for (const { id, items } of others) {
        for (const { product, quantity } of items) {
          for (let n = 0; n < quantity; n += 1) await this.#askForItems({ product })
        }
        last = await this.relate('DELETE', id, account)
      }
      const words = `Merged into ${shortenIds(newest.id)}, and ${account.name}’s account has forgotten the other. Press Refresh on the other device.`
      return good(words, last)
    })
  }

  /** The third: shows the carts to the shopper. */
  async askShopper(): Promise<void> {
    await this.run(async () => {
      this.asking = true
      return good('Which one goes on? The shop asks for that cart again, which puts it first.')
    })
  }

  /** What the shopper answers. The repeated association makes this cart the last used. */
  async pick({ id, items }: ListedCart): Promise<void> {
    await this.#choose(async (_carts, account) => {
      const answer = await this.relate('POST', id, account)
      if (answer.status === 403) throw trouble(answer)
      this.#show({ id, items })
      const words = `Asked for again, ${shortenIds(id)} is the first of the list now. The other stays with the account.`
      return good(words, answer)
    })
  }

  /** Closes the choice unless something went wrong: then it can be made again. */
  async #choose(
    action: (carts: readonly [ListedCart, ...ListedCart[]], account: Account) => Promise<Outcome>,
  ): Promise<void> {
    await this.#runSignedIn(async (account) => {
      const [newest, ...others] = this.choice
      if (newest === undefined) return good('The choice is made.')
      const outcome = await action([newest, ...others], account)
      this.#closeChoice()
      return { ...outcome, event: 'chosen' }
    })
  }

  #show({ id, items }: ListedCart): void {
    this.memory.cartId = id
    this.memory.kept = true
    this.items = items
  }

  #startNewCart(): void {
    this.memory = { ...this.memory, ...newCart() }
    this.items = []
  }

  #closeChoice(): void {
    this.choice = []
    this.asking = false
    this.memory.choosing = false
  }

  async #runSignedIn(action: (account: Account) => Promise<Outcome>): Promise<void> {
    await this.run(async () => {
      if (this.session.accounts === undefined) return good(NOBODY_CAN_SIGN_IN)
      return this.account === undefined ? good(SIGN_IN_FIRST) : await action(this.account)
    })
  }

  /** At a sign-in with a cart: keeps it, and finds out whether the account has others. */
  async #bring(account: Account): Promise<Outcome> {
    const outcome = await this.#keep(account)
    if (outcome.kind === 'refused') return outcome
    const offered = await this.#offer(account)
    // The cart is kept in either case.
    return this.choice.length > 0 ? { ...offered, event: 'kept' } : outcome
  }

  /** Lists the carts of the account. If there are several, the shop has to choose. */
  async #offer(account: Account): Promise<Outcome> {
    const answer = await this.#askForCarts(account)
    const { ids, total } = cartsOf(answer)
    const carts: ListedCart[] = []
    for (const id of total > 1 ? ids.slice(0, CHOICES) : []) {
      const path = `/playground/carts/${id}/items`
      carts.push({ id, items: itemsOf(await this.ask({ method: 'GET', path, account })) })
    }
    this.choice = carts
    this.memory.choosing = carts.length > 0
    const words = `${account.name}’s account has ${total} carts now, and none of them is lost. This one was used last.`
    return good(words, answer)
  }

  async #keep(account: Account): Promise<Outcome> {
    const answer = await this.relate('POST', this.cartId, account)
    this.memory.kept = answer.status !== 403
    if (!this.kept) {
      const words = 'Another account has this cart, and keeps it. Start over for a new one.'
      return refused(words, answer)
    }
    const { name } = account
    if (answer.status === 204) {
      const words = `${name}’s account had this cart already: repeating is harmless.`
      return good(words, answer, 'kept-again')
    }
    const words = `${name}’s account has this cart now, and any device where she signs in finds it.`
    return good(words, answer, 'kept')
  }

  async #find(account: Account): Promise<Outcome> {
    const { name } = account
    const answer = await this.#askForCarts(account)
    const { ids, total } = cartsOf(answer)
    const [newest] = ids
    if (newest === undefined && !this.kept) {
      return good(`${name}’s account has no cart yet. Fill this one, then keep it.`, answer)
    }
    if (newest === undefined) {
      this.#startNewCart()
      return good(`${name}’s account has no cart any more: this device starts a new one.`, answer)
    }

    const before = this.kept && newest !== this.cartId ? this.cartId : undefined
    this.#closeChoice()
    this.memory.cartId = newest
    this.memory.kept = true
    await this.#askForItems()
    const which = total === 1 ? 'one cart' : `${total} carts, and used last`
    const words = `${name}’s account has ${which}: ${shortenIds(newest)}, with ${countOf(this.items)}.`
    const change = before === undefined ? '' : ` Before, this device showed ${shortenIds(before)}.`
    return good(words + change, answer, 'found')
  }

  async #askForCarts(account: Account): Promise<Answer> {
    return await this.ask({ method: 'GET', path: '/v2/carts', account })
  }

  /**
   * Reads the items of the cart, or adds one: the cart service returns all items either way.
   *
   * @throws Interrupted also if an account has the cart, and not this one
   */
  async #askForItems(json?: { product: string }): Promise<Answer> {
    const { account } = this
    const method = json === undefined ? 'GET' : 'POST'
    const path = `/playground/carts/${this.cartId}/items`
    const closed = account === undefined ? 401 : 404
    const answer = await this.ask({ method, path, account, json }, closed)
    if (answer.status === closed) {
      const words =
        account === undefined
          ? 'An account has this cart now. Sign in, or start over for a new one.'
          : 'Another account has this cart now. Start over for a new one.'
      throw new Interrupted(refused(words, answer))
    }
    this.items = itemsOf(answer)
    return answer
  }
}
