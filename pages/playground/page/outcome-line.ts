// Where a device says what came of the last press; read out when it changes.
import { element } from './element.ts'
import type { Answer } from './exchange.ts'
import type { Outcome } from './outcome.ts'

export interface OutcomeLine {
  element: HTMLElement
  show: (outcome: Outcome | undefined) => void
}

/** `linkTo` says where the exchange of an answer is on this page. */
export function outcomeLine(linkTo: (answer: Answer) => string, initial: string): OutcomeLine {
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

function contents(
  { words, answer }: Outcome,
  linkTo: (answer: Answer) => string,
): (Node | string)[] {
  if (answer === undefined) return [words]
  const link = element('a', { class: 'status', href: linkTo(answer) }, answer.statusLine)
  return [link, ` ${words}`]
}
