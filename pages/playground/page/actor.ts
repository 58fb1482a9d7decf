// Somebody who presses buttons: runs one action at a time, and keeps the outcome of the last.
import { type Ask, createAsk, Unreachable } from './client.ts'
import type { Answer, Exchange } from './exchange.ts'
import { forgetAll, type Memory, recall } from './memory.ts'
import { type Outcome, type StoryEvent, UNREACHABLE } from './outcome.ts'
import type { Account, Session } from './session.ts'

export interface ActorOptions {
  name: string
  session: Session
  /** Logs an exchange, under the name of the actor who made it. */
  record: (name: string, exchange: Exchange) => void
  changed: () => void
  /** Marks a step of the guide as done. */
  happened: (event: StoryEvent) => void
}

export class Actor {
  readonly name: string
  busy = false
  outcome: Outcome | undefined
  protected readonly session: Session
  protected readonly memory: Memory
  /** Whether the memory comes from an earlier load of this page. */
  protected readonly recalled: boolean
  protected readonly ask: Ask
  readonly #options: ActorOptions
  readonly #save: () => void

  constructor(options: ActorOptions) {
    const { name, session, record } = options
    const { memory, recalled, save } = recall(name)
    const { clientId } = session
    this.name = name
    this.session = session
    this.memory = memory
    this.recalled = recalled
    this.ask = createAsk({ clientId, memory, record: (exchange) => record(name, exchange) })
    this.#options = options
    this.#save = save
  }

  /** Forgets what this actor knows; the Worker keeps what it has. */
  async startOver(): Promise<void> {
    await this.run(async () => {
      forgetAll(this.memory)
      return undefined
    })
  }

  /** Associates the cart with the account, or dissociates it. */
  protected async relate(
    method: 'POST' | 'DELETE',
    cartId: string,
    account: Account,
  ): Promise<Answer> {
    const path = `/v2/carts/${cartId}/relationships/accounts`
    const json = { data: [{ type: 'account', id: account.accountId }] }
    return await this.ask({ method, path, account, json })
  }

  /** Does nothing while an earlier action runs, so that a double click is one click. */
  protected async run(action: () => Promise<Outcome | undefined>): Promise<void> {
    if (this.busy) return
    const { changed, happened } = this.#options
    this.busy = true
    changed()
    try {
      this.outcome = await action()
      if (this.outcome?.event !== undefined) happened(this.outcome.event)
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      this.outcome = UNREACHABLE
    } finally {
      this.busy = false
      this.#save()
      changed()
    }
  }
}
