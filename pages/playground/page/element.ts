// Makes elements: a tag with its classes, attributes, and what stands in it.

type Attributes = Readonly<Record<string, string>>

/** `element('p.note', { id: 'a' }, 'Text')`; text is only ever text. */
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

/** A drawing of the page's own sprite, for those who see. */
export function drawing(symbol: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('class', 'drawing')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `#${symbol}`)
  svg.append(use)
  return svg
}

/** @throws Error where the page does not have it */
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

/** Still in reach of the keyboard, and said to be of no use now. */
export function markDisabled(made: HTMLElement, disabled: unknown): void {
  made.setAttribute('aria-disabled', String(Boolean(disabled)))
}
