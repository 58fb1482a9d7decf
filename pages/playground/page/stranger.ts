// Ben, who has his own account and knows the id of Ada's cart.
import { Actor, type ActorOptions } from './actor.ts'
import type { Device } from './device.ts'
import { good, type Outcome, refused, told, trouble } from './outcome.ts'
import type { Account } from './session.ts'

const NOBODY_CAN_SIGN_IN = 'Account tokens come from another issuer here, so Ben has none.'

export class Stranger extends Actor {
  readonly #devices: readonly Device[]

  constructor(options: ActorOptions, devices: readonly Device[]) {
    super(options)
    this.#devices = devices
  }

  /** The cart that is kept, or the first device's cart if none is. */
  get cartId(): string {
    const device = this.#devices.find(({ kept }) => kept) ?? this.#devices[0]
    return device?.cartId ?? ''
  }

  async take(): Promise<void> {
    await this.#runAsBen(async (ben) => {
      const answer = await this.relate('POST', this.cartId, ben)
      if (answer.status === 403 && answer.body.includes('required permissions')) {
        return refused(
          answer,
          'Refused: the cart stays where it is. Whose it is, Ben is not told.',
          'refused',
        )
      }
      if (answer.status !== 200 && answer.status !== 204) return trouble(answer)
      return good(
        answer,
        'No account had this cart, so Ben has it now: cart ids must not be guessable. Start over for a new one.',
      )
    })
  }

  async look(): Promise<void> {
    await this.#runAsBen(async (ben) => {
      const path = `/v2/carts/${this.cartId}`
      const answer = await this.ask({ method: 'GET', path, account: ben })
      if (answer.status === 404) {
        return refused(answer, 'Not found: to Ben it reads like a cart that nobody has.')
      }
      return answer.status === 200 ? good(answer, 'Ben’s account has this cart.') : trouble(answer)
    })
  }

  async #runAsBen(action: (ben: Account) => Promise<Outcome>): Promise<void> {
    await this.run(async () => {
      const { ben } = this.session.accounts ?? {}
      return ben === undefined ? told(NOBODY_CAN_SIGN_IN) : await action(ben)
    })
  }
}
