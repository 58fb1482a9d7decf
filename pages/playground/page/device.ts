// One of Ada's devices: its cart, whether she is signed in, and what its buttons do.
import { Actor } from './actor.ts'
import { countOf, type Item } from './catalogue.ts'
import { type Answer, cartsOf, itemsOf } from './exchange.ts'
import { startNewCart } from './memory.ts'
import { good, type Outcome, refused, told, trouble } from './outcome.ts'
import type { Account } from './session.ts'

const SIGN_IN_FIRST = 'Sign in first: a cart is kept for an account.'
const NOBODY_CAN_SIGN_IN = 'Account tokens come from another issuer here, so nobody can sign in.'

export class Device extends Actor {
  items: Item[] = []

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
    await this.run(async () => (await this.#askForItems()).closed)
  }

  override startOver(): void {
    this.items = []
    super.startOver()
  }

  async add(product: string): Promise<void> {
    await this.run(async () => {
      const { answer, closed } = await this.#askForItems({ product })
      if (closed !== undefined) return closed
      const words = this.kept
        ? 'In the cart. Press Refresh on the other device to see it there.'
        : 'In the cart, which no account has yet: only this device knows its id.'
      return good(answer, words, 'filled')
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
        outcome = this.items.length > 0 ? await this.#keep(ada) : await this.#find(ada)
        return outcome
      } finally {
        if (outcome === undefined || outcome.kind === 'trouble') this.memory.accountId = undefined
      }
    })
  }

  async signOut(): Promise<void> {
    await this.run(async () => {
      const { kept, account } = this
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

  async #runSignedIn(action: (account: Account) => Promise<Outcome>): Promise<void> {
    await this.run(async () => {
      if (this.session.accounts === undefined) return told(NOBODY_CAN_SIGN_IN)
      return this.account === undefined ? told(SIGN_IN_FIRST) : await action(this.account)
    })
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
    const { newest, total } = cartsOf(answer)
    if (newest === undefined) return this.#hasNoCart(answer, name)

    this.memory.cartId = newest
    this.memory.kept = true
    const { closed } = await this.#askForItems()
    if (closed !== undefined) return closed
    const which =
      total === 1 ? `${name}’s account has a cart` : `Of ${name}’s ${total} carts, the newest`
    return good(answer, `${which}: the same id, the same ${countOf(this.items)}.`, 'found')
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
