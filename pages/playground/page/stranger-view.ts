// Draws Ben's card: what he tries with a cart that is not his.
import type { View } from './device-view.ts'
import { button, element, markDisabled } from './element.ts'
import type { Answer } from './exchange.ts'
import { outcomeLine } from './outcome-line.ts'
import type { Stranger } from './stranger.ts'

export function strangerView(ben: Stranger, linkTo: (answer: Answer) => string): View {
  const take = button({ id: 'ben-take' }, () => ben.take(), 'Try to take it')
  const look = button({ id: 'ben-look' }, () => ben.look(), 'Look into it')
  const outcome = outcomeLine(linkTo, 'He has not tried yet.')
  const whole = element(
    'section',
    { class: 'stranger', 'aria-labelledby': 'ben-heading' },
    element('h2', { id: 'ben-heading' }, 'Somebody else'),
    element('p', {}, 'Ben has an account too, and has come to know the id of Ada’s cart.'),
    element('div', { class: 'actions' }, take, look),
    outcome.element,
  )
  return {
    element: whole,
    render() {
      whole.setAttribute('aria-busy', String(ben.busy))
      for (const made of [take, look]) markDisabled(made, ben.busy)
      outcome.show(ben.outcome)
    },
  }
}
