// The story in its order: which step is next, and which are done. It never blocks a button.
import { element } from './element.ts'
import type { StoryEvent } from './outcome.ts'
import type { Session } from './session.ts'

interface Step {
  event: StoryEvent
  words: string
  /** The id of the button that does it. */
  target: string
}

const STORY: readonly Step[] = [
  { event: 'filled', words: 'Fill the cart', target: 'phone-add-lamp' },
  { event: 'kept', words: 'Sign in as Ada', target: 'phone-sign-in' },
  { event: 'found', words: 'Sign in on the laptop', target: 'laptop-sign-in' },
  { event: 'kept-again', words: 'Keep it again', target: 'phone-keep' },
  { event: 'refused', words: 'Let Ben try', target: 'ben-take' },
  { event: 'forgotten', words: 'Forget it', target: 'phone-forget' },
]

export interface Guide {
  element: HTMLElement
  render: () => void
  happened: (event: StoryEvent) => void
  startOver: () => void
}

/** If nobody can sign in, the story ends after its first step. */
export function createGuide({ accounts }: Session): Guide {
  const steps = accounts === undefined ? STORY.slice(0, 1) : STORY
  // Each npm start makes a new Ada, and the story begins again with her.
  const storageKey = `playground:guide:${accounts?.ada.accountId}`
  const done = new Set(sessionStorage.getItem(storageKey)?.split(' '))
  const links = steps.map(({ words, target }) => element('a', { href: `#${target}` }, words))
  const list = element('ol', { class: 'steps' }, ...links.map((link) => element('li', {}, link)))

  function render(): void {
    const next = steps.find(({ event }) => !done.has(event))
    for (const [index, { event, target, words }] of steps.entries()) {
      const link = links[index]
      const isNext = event === next?.event
      link?.parentElement?.classList.toggle('done', done.has(event))
      link?.replaceChildren(
        words,
        ...(done.has(event) ? [element('span', { class: 'unseen' }, ', done')] : []),
      )
      if (isNext) link?.setAttribute('aria-current', 'step')
      else link?.removeAttribute('aria-current')
      document.getElementById(target)?.classList.toggle('next', isNext)
    }
    sessionStorage.setItem(storageKey, [...done].join(' '))
  }

  return {
    element: list,
    render,
    happened(event) {
      done.add(event)
      render()
    },
    startOver() {
      done.clear()
      render()
    },
  }
}
