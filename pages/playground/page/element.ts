// Makes and finds the elements of the page.

type Attributes = Readonly<Record<string, string>>

/** `element('p', { class: 'note' }, 'Text')`. A string is never read as HTML. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Draws a symbol of the page's sprite, hidden from screen readers. */
export function drawing(symbol: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('class', 'drawing')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `#${symbol}`)
  svg.append(use)
  return svg
}

/** @throws Error if the page has no such element */
export function existing(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no element ${id}`)
  return found
}

export function button(
  attributes: Attributes,
  press: (event: MouseEvent) => Promise<void>,
  ...children: (Node | string)[]
): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, ...children)
  made.addEventListener('click', (event) => void press(event))
  return made
}

/** Unlike `disabled`, `aria-disabled` leaves the button in reach of the keyboard. */
export function markDisabled(made: HTMLElement, disabled: unknown): void {
  made.setAttribute('aria-disabled', String(Boolean(disabled)))
}
