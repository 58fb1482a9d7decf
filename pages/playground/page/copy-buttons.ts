// Copies a request as code that works when it is pasted: its tokens are whole.
import { button, element } from './element.ts'
import type { SentRequest } from './exchange.ts'
import { curlOf, fetchOf, sdkOf } from './snippets.ts'

export function copyButtons(request: SentRequest, clientId: string): HTMLElement {
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

/** Whether the browser let it: over plain http from another machine it does not. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
