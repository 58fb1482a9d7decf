// The requests as they went over the wire, newest first. Each can be opened, and copied as code.
import { button, element, existing } from './element.ts'
import {
  type Answer,
  type Exchange,
  isForCartService,
  readable,
  type SentRequest,
  shortenIds,
  shortenTokens,
  targetOf,
} from './exchange.ts'
import type { LinkTo } from './outcome.ts'
import { curlOf, fetchOf, sdkOf } from './snippets.ts'

export interface RequestLog {
  add: (who: string, exchange: Exchange) => void
  linkTo: LinkTo
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
      list.prepend(element('li', {}, detailsOf(id, who, exchange, clientId)))
    },
    linkTo: (answer) => links.get(answer) ?? '#requests',
  }
}

function detailsOf(id: string, who: string, exchange: Exchange, clientId: string): HTMLElement {
  const { request, answer, ms } = exchange
  const { headers, body = '' } = request
  const status = answer?.statusLine ?? 'no answer'
  const summary = element(
    'summary',
    { id },
    element('span', { class: 'by' }, who),
    element('span', { class: 'method' }, request.method),
    element('span', { class: 'target' }, shortenIds(targetOf(request))),
    element('span', { class: 'result', 'data-class': status.slice(0, 1) }, status),
    element('span', { class: 'ms' }, `${Math.round(ms)} ms`),
  )
  return element(
    'details',
    isForCartService(request) ? { class: 'aside' } : {},
    summary,
    element(
      'div',
      { class: 'halves' },
      element(
        'div',
        {},
        part(`Request, ${Math.round(ms)} ms`, `${request.method} ${targetOf(request)}`, ''),
        part('Request headers', linesOf(headers), 'None but the browser’s own'),
        part('Request body', body, 'None'),
      ),
      element(
        'div',
        {},
        part('Response headers', linesOf([...(answer?.headers ?? [])]), 'No answer came'),
        part('Response body', answer?.body ?? '', 'None'),
      ),
    ),
    copyButtons(request, clientId),
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

/** Copies a request as code that works when it is pasted: its tokens are whole. */
function copyButtons(request: SentRequest, clientId: string): HTMLElement {
  const note = element('span', { class: 'note', role: 'status' })
  const row = element('p', { class: 'copy' })
  const whole = element('div', {}, row)
  const sdk = sdkOf(request, clientId)
  const kinds: [name: string, code: string][] = [
    ['curl', curlOf(request)],
    ['fetch', fetchOf(request)],
    ...(sdk === undefined ? [] : [['SDK', sdk] satisfies [string, string]]),
  ]
  for (const [name, code] of kinds) {
    const copy = async () => {
      if (await copied(code)) {
        note.textContent = `Copied as ${name}, with the whole tokens.`
        return
      }
      note.textContent = 'The browser does not let this page copy: take it from here.'
      whole.querySelector('textarea')?.remove()
      const text = element('textarea', { readonly: '', rows: '8', 'aria-label': `As ${name}` })
      text.value = code
      whole.append(text)
      text.select()
    }
    row.append(button({ class: 'quiet' }, copy, `Copy as ${name}`), ' ')
  }
  if (sdk === undefined) {
    row.append(element('span', { class: 'empty' }, 'The SDK has no call for this one. '))
  }
  row.append(note)
  return whole
}

/** Whether the browser allowed it, which it does not over plain http unless on localhost. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
