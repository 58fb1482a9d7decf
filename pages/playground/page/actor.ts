// Somebody who presses buttons: one request after the other, and what came of the last one.
import { type Client, createClient, Unreachable } from './client.ts'
import type { Exchange } from './exchange.ts'
import { forgetAll, type Memory, recall } from './memory.ts'
import { type Outcome, type StoryEvent, UNREACHABLE } from './outcome.ts'
import type { Session } from './session.ts'

export interface ActorOptions {
  name: string
  session: Session
  /** Is told of every exchange, and who made it. */
  record: (name: string, exchange: Exchange) => void
  /** Is told that what is shown may have changed. */
  changed: () => void
  /** Is told what the guide waits for. */
  happened: (event: StoryEvent) => void
}

export class Actor {
  readonly name: string
  /** A request is on its way. */
  busy = false
  outcome: Outcome | undefined
  protected readonly session: Session
  protected readonly memory: Memory
  /** The memory is of an earlier load of this page. */
  protected readonly recalled: boolean
  protected readonly client: Client
  readonly #changed: () => void
  readonly #happened: (event: StoryEvent) => void
  readonly #save: () => void

  constructor({ name, session, record, changed, happened }: ActorOptions) {
    const { memory, recalled, save } = recall(name)
    const { clientId } = session
    this.name = name
    this.session = session
    this.memory = memory
    this.recalled = recalled
    this.client = createClient({ clientId, memory, record: (exchange) => record(name, exchange) })
    this.#changed = changed
    this.#happened = happened
    this.#save = save
  }

  /** Forgets what it knows; what the Worker knows stays. */
  startOver(): void {
    forgetAll(this.memory)
    void this.run(async () => undefined)
  }

  /** Does nothing while something else is being done: a double click is one click. */
  protected async run(action: () => Promise<Outcome | undefined>): Promise<void> {
    if (this.busy) return
    this.busy = true
    this.#changed()
    try {
      this.outcome = await action()
      if (this.outcome?.event !== undefined) this.#happened(this.outcome.event)
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      this.outcome = UNREACHABLE
    } finally {
      this.busy = false
      this.#save()
      this.#changed()
    }
  }
}
