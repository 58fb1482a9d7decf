// What an answer means, in plain words: said on the device that asked.
import type { Answer } from './exchange.ts'

/** What the guide waits for. */
export type StoryEvent = 'filled' | 'kept' | 'found' | 'kept-again' | 'refused' | 'forgotten'

export interface Outcome {
  kind: 'good' | 'refused' | 'trouble'
  words: string
  /** The answer that decided, where one came. */
  answer?: Answer
  event?: StoryEvent
}

export function good(answer: Answer, words: string, event?: StoryEvent): Outcome {
  return { kind: 'good', words, answer, ...(event !== undefined && { event }) }
}

/** The service did what it should, which was to say no. */
export function refused(answer: Answer, words: string, event?: StoryEvent): Outcome {
  return { ...good(answer, words, event), kind: 'refused' }
}

/** Nothing was asked. */
export function told(words: string): Outcome {
  return { kind: 'good', words }
}

export const UNREACHABLE: Outcome = {
  kind: 'trouble',
  words: 'No answer. Is npm start still running? Start it again, then reload this page.',
}

/** What nobody meant to happen, and what to do about it. */
export function trouble(answer: Answer): Outcome {
  return { kind: 'trouble', words: adviceOn(answer), answer }
}

function adviceOn({ status, headers, body }: Answer): string {
  const wait = headers.get('Retry-After') ?? '60'
  if (status === 401) {
    return 'The access token was refused, and so was a new one. Run npm start again, then reload.'
  }
  if (status === 403 && body.includes('account management authentication token')) {
    return 'The account token is no longer good: it lasts 8 hours. Run npm start again, then reload.'
  }
  if (status === 429) return `Too many requests in a minute. Wait ${wait} s, then press it again.`
  if (status === 503) return `The database cannot answer. Wait ${wait} s, then press it again.`
  return 'That should not happen. The terminal that runs npm start says more.'
}
