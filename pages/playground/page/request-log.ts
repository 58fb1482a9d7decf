// The requests as they went over the wire, oldest first, each to be opened and to be copied as code.
import { copyButtons } from './copy-buttons.ts'
import { element, existing } from './element.ts'
import {
  type Answer,
  type Exchange,
  isForCartService,
  readable,
  shortenTokens,
  targetOf,
} from './exchange.ts'

export interface RequestLog {
  add: (who: string, exchange: Exchange) => void
  /** Where the exchange of an answer is on this page. */
  linkTo: (answer: Answer) => string
}

export function createRequestLog(clientId: string): RequestLog {
  const list = existing('requests')
  const none = existing('no-requests')
  const links = new WeakMap<Answer, string>()
  let count = 0
  return {
    add(who, exchange) {
      count += 1
      none.hidden = true
      const id = `request-${count}`
      if (exchange.answer !== undefined) links.set(exchange.answer, `#${id}`)
      list.append(element('li', {}, detailsOf(id, who, exchange, clientId)))
    },
    linkTo: (answer) => links.get(answer) ?? '#requests',
  }
}

function detailsOf(id: string, who: string, exchange: Exchange, clientId: string): HTMLElement {
  const { request, answer, ms } = exchange
  const status = answer?.statusLine ?? 'no answer'
  const summary = element(
    'summary',
    { id },
    element('span', { class: 'by' }, who),
    element('span', { class: 'method' }, request.method),
    element('span', { class: 'target' }, decodeURIComponent(targetOf(request))),
    element('span', { class: 'result', 'data-class': status.slice(0, 1) }, status),
    element('span', { class: 'ms' }, `${Math.round(ms)} ms`),
  )
  return element(
    'details',
    isForCartService(request) ? { class: 'aside' } : {},
    summary,
    element('div', { class: 'halves' }, requestHalf(exchange), answerHalf(exchange)),
    copyButtons(request, clientId),
  )
}

function requestHalf({ request: { headers, body } }: Exchange): HTMLElement {
  return element(
    'div',
    {},
    part('Request headers', linesOf(headers), 'None but the browser’s own'),
    part('Request body', body ?? '', 'None'),
  )
}

function answerHalf({ answer }: Exchange): HTMLElement {
  return element(
    'div',
    {},
    part('Response headers', linesOf([...(answer?.headers ?? [])]), 'No answer came'),
    part('Response body', answer?.body ?? '', 'None'),
  )
}

function part(title: string, text: string, otherwise: string): HTMLElement {
  const shown =
    text === ''
      ? element('p', { class: 'empty' }, otherwise)
      : element('pre', {}, shortenTokens(readable(text)))
  return element('div', { class: 'part' }, element('h3', {}, title), shown)
}

function linesOf(headers: readonly [string, string][]): string {
  return headers.map(([name, value]) => `${name}: ${value}`).join('\n')
}
