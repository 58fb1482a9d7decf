// What an answer means, in plain words, and the line that says so on the device that asked.
import { element } from './element.ts'
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
  /** The answer that decided, if one came. */
  answer?: Answer
  event?: StoryEvent
}

export function good(answer: Answer, words: string, event?: StoryEvent): Outcome {
  return { kind: 'good', words, answer, ...(event !== undefined && { event }) }
}

/** The service refused, as it should. */
export function refused(answer: Answer, words: string, event?: StoryEvent): Outcome {
  return { ...good(answer, words, event), kind: 'refused' }
}

/** The device sent no request. */
export function told(words: string): Outcome {
  return { kind: 'good', words }
}

export const UNREACHABLE: Outcome = {
  kind: 'trouble',
  words: 'No answer. Is npm start still running? Start it again, then reload this page.',
}

/** An answer that is not part of the story, and what to do about it. */
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

export type LinkTo = (answer: Answer) => string

export interface OutcomeLine {
  element: HTMLElement
  show: (outcome: Outcome | undefined) => void
}

/** Shows the outcome of the last press; screen readers read it out when it changes. */
export function outcomeLine(linkTo: LinkTo, initial: string): OutcomeLine {
  const line = element('p', { class: 'outcome', role: 'status', 'data-kind': '' }, initial)
  let shown: Outcome | undefined
  return {
    element: line,
    show(outcome) {
      if (outcome === shown) return
      shown = outcome
      line.dataset['kind'] = outcome?.kind ?? ''
      line.replaceChildren(...(outcome === undefined ? [initial] : contents(outcome, linkTo)))
    },
  }
}

function contents({ words, answer }: Outcome, linkTo: LinkTo): (Node | string)[] {
  if (answer === undefined) return [words]
  const link = element('a', { class: 'status', href: linkTo(answer) }, answer.statusLine)
  return [link, ` ${words}`]
}
