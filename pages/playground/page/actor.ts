// Somebody who presses buttons: runs one action at a time, sends its requests, and keeps the outcome of the last.
import * as v from 'valibot'
import type { Answer, Exchange, SentRequest } from './exchange.ts'
import {
  good,
  Interrupted,
  isAboutAccountToken,
  type Outcome,
  refused,
  type StoryEvent,
  trouble,
} from './outcome.ts'
import { type Account, type Memory, newCart, type Session, storedMemory } from './session.ts'

export interface ActorOptions {
  name: string
  session: Session
  /** Logs an exchange, under the name of the actor who made it. */
  record: (name: string, exchange: Exchange) => void
  changed: () => void
  /** Marks a step of the guide as done. */
  happened: (event: StoryEvent) => void
}

interface Asked {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  /** Who asks; if undefined, no token is sent. */
  account: Account | undefined
  json?: unknown
}

const issued = v.pipe(v.string(), v.parseJson(), v.object({ access_token: v.string() }))

export class Actor {
  readonly name: string
  busy = false
  outcome: Outcome | undefined
  protected readonly session: Session
  protected memory: Memory
  /** Whether the memory comes from an earlier load of this page. */
  protected readonly recalled: boolean
  readonly #options: ActorOptions

  constructor(options: ActorOptions) {
    const { name, session } = options
    const stored = v.safeParse(storedMemory, sessionStorage.getItem(`playground:${name}`))
    this.name = name
    this.session = session
    this.memory = stored.success ? stored.output : newCart()
    this.recalled = stored.success
    this.#options = options
  }

  /** Forgets what this actor knows; the Worker keeps what it has. */
  async startOver(): Promise<void> {
    await this.run(async () => {
      this.memory = newCart()
      return undefined
    })
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
      if (!(error instanceof Interrupted)) throw error
      this.outcome = error.outcome
    } finally {
      this.busy = false
      sessionStorage.setItem(`playground:${this.name}`, JSON.stringify(this.memory))
      changed()
    }
  }

  /** Associates the cart with the account, or dissociates it. The first may be answered with 403: others have it. */
  protected async relate(
    method: 'POST' | 'DELETE',
    cartId: string,
    account: Account,
  ): Promise<Answer> {
    const path = `/v2/carts/${cartId}/relationships/accounts`
    const json = { data: [{ type: 'account', id: account.accountId }] }
    return await this.ask({ method, path, account, json }, method === 'POST' ? 403 : undefined)
  }

  /**
   * Sends one request, and fetches an access token first if it needs one.
   *
   * @throws Interrupted if the answer is neither good nor has the expected status
   */
  protected async ask(asked: Asked, expected?: number): Promise<Answer> {
    const hadToken = this.memory.accessToken !== undefined
    let answer = await this.#attempt(asked)
    // A token of an earlier request may have expired; a token that was just issued has not.
    if (answer.status === 401 && hadToken && asked.account !== undefined) {
      this.memory.accessToken = undefined
      answer = await this.#attempt(asked)
    }
    const isExpected = answer.status === expected && !isAboutAccountToken(answer)
    if (answer.status < 300 || isExpected) return answer
    throw trouble(answer)
  }

  async #attempt({ method, path, account, json }: Asked): Promise<Answer> {
    const headers: SentRequest['headers'] = []
    if (account !== undefined) {
      this.memory.accessToken ??= await this.#fetchAccessToken()
      headers.push(['Authorization', `Bearer ${this.memory.accessToken}`])
      headers.push(['EP-Account-Management-Authentication-Token', account.accountToken])
    }
    if (json !== undefined) headers.push(['Content-Type', 'application/json'])
    if (this.memory.bookmark !== undefined && path.startsWith('/v2/')) {
      headers.push(['X-D1-Bookmark', this.memory.bookmark])
    }
    const body = json === undefined ? undefined : JSON.stringify(json)
    const answer = await this.#send(method, path, headers, body)
    this.memory.bookmark = answer.headers.get('X-D1-Bookmark') ?? this.memory.bookmark
    return answer
  }

  async #fetchAccessToken(): Promise<string> {
    const { clientId } = this.session
    const form = new URLSearchParams({ grant_type: 'implicit', client_id: clientId })
    const type = ['Content-Type', 'application/x-www-form-urlencoded'] as const
    const answer = await this.#send('POST', '/oauth/access_token', [[...type]], String(form))
    const token = v.safeParse(issued, answer.body)
    if (!token.success) throw trouble(answer)
    return token.output.access_token
  }

  async #send(
    method: string,
    path: string,
    headers: SentRequest['headers'],
    body: string | undefined,
  ): Promise<Answer> {
    const url = new URL(path, location.origin).href
    const request = { method, url, headers, body }
    const startedAt = performance.now()
    const record = (answer: Answer | undefined) =>
      this.#options.record(this.name, { request, answer, ms: performance.now() - startedAt })
    try {
      const init = { method, headers, body: body ?? null, cache: 'no-store' } as const
      const response = await fetch(url, init)
      const { status, statusText } = response
      const statusLine = `${status} ${statusText}`.trim()
      const answer = { status, statusLine, headers: response.headers, body: await response.text() }
      record(answer)
      return answer
    } catch {
      record(undefined)
      throw trouble()
    }
  }
}

/** Ben, who has his own account and knows the id of Ada's cart. */
export class Stranger extends Actor {
  readonly #devices: readonly { kept: boolean; cartId: string }[]

  constructor(options: ActorOptions, devices: readonly { kept: boolean; cartId: string }[]) {
    super(options)
    this.#devices = devices
  }

  async take(): Promise<void> {
    await this.#runAsBen(async (ben, cartId) => {
      const answer = await this.relate('POST', cartId, ben)
      if (answer.status === 403) {
        const words = 'Refused: the cart stays where it is. Whose it is, Ben is not told.'
        return refused(words, answer, 'refused')
      }
      const words =
        'No account had this cart, so Ben has it now: cart ids must not be guessable. Start over for a new one.'
      return good(words, answer)
    })
  }

  async look(): Promise<void> {
    await this.#runAsBen(async (ben, cartId) => {
      const answer = await this.ask(
        { method: 'GET', path: `/v2/carts/${cartId}`, account: ben },
        404,
      )
      return answer.status === 404
        ? refused('Not found: to Ben it reads like a cart that nobody has.', answer)
        : good('Ben’s account has this cart.', answer)
    })
  }

  /** His cart is the cart that is kept, or the first device's if none is. */
  async #runAsBen(action: (ben: Account, cartId: string) => Promise<Outcome>): Promise<void> {
    await this.run(async () => {
      const { ben } = this.session.accounts ?? {}
      if (ben === undefined) {
        return good('Account tokens come from another issuer here, so Ben has none.')
      }
      const device = this.#devices.find(({ kept }) => kept) ?? this.#devices[0]
      return await action(ben, device?.cartId ?? '')
    })
  }
}
