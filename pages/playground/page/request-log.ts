// The requests as they went over the wire, newest first. Each can be opened, and copied as code.
import { element, find } from './element.ts'
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
import { curlOf, fetchOf, sdkOf } from './snippets.ts'

export interface RequestLog {
  add: (who: string, exchange: Exchange) => void
  linkTo: (answer: Answer) => string
}

export function createRequestLog(clientId: string): RequestLog {
  const links = new WeakMap<Answer, string>()
  let count = 0
  return {
    add(who, exchange) {
      count += 1
      const id = `request-${count}`
      if (exchange.answer !== undefined) links.set(exchange.answer, `#${id}`)
      find('#no-requests').hidden = true
      find('#requests').prepend(element('li', {}, detailsOf(id, who, exchange, clientId)))
    },
    linkTo: (answer) => links.get(answer) ?? '#requests',
  }
}

function detailsOf(id: string, who: string, exchange: Exchange, clientId: string): HTMLElement {
  const { request, answer, ms } = exchange
  const { method, headers, body = '' } = request
  const pale = isForCartService(request)
  const status = answer?.statusLine ?? 'no answer'
  return element(
    'details',
    pale ? { class: 'aside' } : {},
    element(
      'summary',
      { id },
      element('strong', {}, who),
      element('span', { class: 'mono' }, method),
      element('strong', { class: pale ? '' : 'result', 'data-class': status.slice(0, 1) }, status),
      element('span', { class: 'target mono' }, shortenIds(targetOf(request))),
    ),
    element(
      'div',
      { class: 'halves' },
      element(
        'div',
        {},
        ...part(`Request, ${Math.round(ms)} ms`, `${method} ${targetOf(request)}`, ''),
        ...part('Request headers', linesOf(headers), 'None but the browser’s own'),
        ...part('Request body', body, 'None'),
      ),
      element(
        'div',
        {},
        ...part('Response headers', linesOf([...(answer?.headers ?? [])]), 'No answer came'),
        ...part('Response body', answer?.body ?? '', 'None'),
      ),
    ),
    copyButtons(request, clientId),
  )
}

function part(title: string, text: string, otherwise: string): HTMLElement[] {
  const heading = element('h3', { class: 'muted' }, title)
  if (text === '') return [heading, element('p', { class: 'muted' }, otherwise)]
  return [heading, element('pre', {}, shortenTokens(readable(text)))]
}

function linesOf(headers: readonly [string, string][]): string {
  return headers.map(([name, value]) => `${name}: ${value}`).join('\n')
}

/** Copies a request as code that works when it is pasted: its tokens are whole. */
function copyButtons(request: SentRequest, clientId: string): HTMLElement {
  const row = element('p', { class: 'copy' })
  const note = element('span', { role: 'status' })
  const text = element('textarea', { readonly: '', rows: '8', 'aria-label': 'Code', hidden: '' })
  const sdk = sdkOf(request, clientId)
  const codes = { curl: curlOf(request), fetch: fetchOf(request), ...(sdk && { SDK: sdk }) }
  for (const [name, code] of Object.entries(codes)) {
    const button = element('button', { type: 'button', class: 'soft' }, `Copy as ${name}`)
    button.addEventListener('click', async () => {
      text.value = code
      try {
        await navigator.clipboard.writeText(code)
        note.textContent = `Copied as ${name}, with the whole tokens.`
      } catch {
        // A page that came over plain http may not copy, unless from localhost.
        note.textContent = 'The browser does not let this page copy: take it from here.'
        text.hidden = false
        text.select()
      }
    })
    row.append(button, ' ')
  }
  if (sdk === undefined) {
    row.append(element('span', { class: 'muted' }, 'The SDK has no call for this one. '))
  }
  row.append(note)
  return element('div', {}, row, text)
}
