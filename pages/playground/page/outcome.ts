// What an answer means, in plain words.
import type { Answer } from './exchange.ts'

/** What the guide waits for. */
export type StoryEvent =
  | 'filled'
  | 'kept'
  | 'found'
  | 'kept-again'
  | 'refused'
  | 'filled-another'
  | 'chosen'
  | 'forgotten'

export interface Outcome {
  kind: 'good' | 'refused' | 'trouble'
  words: string
  /** The answer that decided; undefined if no request was sent, or no answer came. */
  answer?: Answer | undefined
  event?: StoryEvent | undefined
}

export function good(words: string, answer?: Answer, event?: StoryEvent): Outcome {
  return { kind: 'good', words, answer, event }
}

/** The service refused, as it should. */
export function refused(words: string, answer: Answer, event?: StoryEvent): Outcome {
  return { kind: 'refused', words, answer, event }
}

/** Ends the action of an actor early. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super(outcome.words)
    this.outcome = outcome
  }
}

/** Without an answer, the Worker could not be reached; any other answer is not part of the story. */
export function trouble(answer?: Answer): Interrupted {
  return new Interrupted({ kind: 'trouble', words: adviceOn(answer), answer })
}

export function isAboutAccountToken({ status, body }: Answer): boolean {
  return status === 403 && body.includes('account management authentication token')
}

function adviceOn(answer: Answer | undefined): string {
  if (answer === undefined) {
    return 'No answer. Is npm start still running? Start it again, then reload this page.'
  }
  const { status, headers } = answer
  const wait = headers.get('Retry-After') ?? '60'
  if (status === 401) {
    return 'The access token was refused, and so was a new one. Run npm start again, then reload.'
  }
  if (isAboutAccountToken(answer)) {
    return 'The account token is no longer good: it lasts 8 hours. Run npm start again, then reload.'
  }
  if (status === 429) return `Too many requests in a minute. Wait ${wait} s, then press it again.`
  if (status === 503) return `The database cannot answer. Wait ${wait} s, then press it again.`
  return 'That should not happen. The terminal that runs npm start says more.'
}
