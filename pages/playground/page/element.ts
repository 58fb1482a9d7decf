// Makes and finds the elements of the page.

/** `element('p', { class: 'note' }, 'Text')`. A string is never read as HTML. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** @throws Error if the parent has no such element */
export function find(selector: string, parent: ParentNode = document): HTMLElement {
  const found = parent.querySelector<HTMLElement>(selector)
  if (found === null) throw new Error(`The page has no element ${selector}`)
  return found
}

/** Copies the element in a template of the page. */
export function copyOf(template: string): HTMLElement {
  const found = find(template)
  if (!(found instanceof HTMLTemplateElement)) throw new Error(`${template} is no template`)
  const copy = document.importNode(found.content, true)
  return find('*', copy)
}
