// The story in its order: which step is next, and which are done. It never blocks a button.
import type { Device } from './device.ts'
import { element } from './element.ts'
import type { StoryEvent } from './outcome.ts'
import type { Session } from './session.ts'

interface Step {
  event: StoryEvent
  words: string
  /** The id of the button that does it, or of the next button towards it. */
  target: (laptop: Laptop) => string
}

/** What the story needs to know of the second device. */
type Laptop = Pick<Device, 'account' | 'choice'>

const STORY: readonly Step[] = [
  { event: 'filled', words: 'Fill the cart', target: () => 'phone-add-lamp' },
  { event: 'kept', words: 'Sign in as Ada', target: () => 'phone-sign-in' },
  { event: 'found', words: 'On the laptop', target: () => 'laptop-sign-in' },
  { event: 'kept-again', words: 'Keep it again', target: () => 'phone-keep' },
  { event: 'refused', words: 'Let Ben try', target: () => 'ben-take' },
  {
    event: 'filled-another',
    words: 'Fill a second',
    target: ({ account }) => (account === undefined ? 'laptop-add-mug' : 'laptop-sign-in'),
  },
  {
    event: 'chosen',
    words: 'Sign in, choose',
    target: ({ choice }) => (choice.length > 0 ? 'laptop-merge' : 'laptop-sign-in'),
  },
  { event: 'forgotten', words: 'Forget it', target: () => 'laptop-forget' },
]

/** Shown when every step is done; npm start serves the pages too. */
const NEXT = [
  ['/docs', 'Try every request'],
  ['/playground/signing-in.md', 'Use your own sign-in'],
  ['/playground/deploying.md', 'Put it online'],
] as const

export interface Guide {
  element: HTMLElement
  render: () => void
  happened: (event: StoryEvent) => void
  startOver: () => void
}

/** If nobody can sign in, the story ends after its first step. */
export function createGuide({ accounts }: Session, laptop: Laptop): Guide {
  const steps = accounts === undefined ? STORY.slice(0, 1) : STORY
  // Each npm start makes a new Ada, and the story begins again with her.
  const storageKey = `playground:guide:${accounts?.ada.accountId}`
  const done = new Set(sessionStorage.getItem(storageKey)?.split(' '))
  const links = steps.map(({ words }) => {
    const note = element('span', { class: 'unseen' })
    return { note, link: element('a', {}, element('span', {}, words), note) }
  })
  const list = element(
    'ol',
    { class: 'steps' },
    ...links.map(({ link }) => element('li', {}, link)),
  )
  const next = NEXT.map(([href, words]) => element('a', { href }, words))
  const end = element('p', { class: 'end' }, element('strong', {}, 'Now in your shop'), ...next)
  list.style.setProperty('--steps', String(steps.length))
  let marked: Element | null = null

  function render(): void {
    const current = steps.find(({ event }) => !done.has(event))
    for (const [index, { event, target }] of steps.entries()) {
      const { link, note } = links[index] ?? {}
      link?.setAttribute('href', `#${target(laptop)}`)
      link?.parentElement?.classList.toggle('done', done.has(event))
      if (note !== undefined) note.textContent = done.has(event) ? ', done' : ''
      if (event === current?.event) link?.setAttribute('aria-current', 'step')
      else link?.removeAttribute('aria-current')
    }
    marked?.classList.remove('next')
    marked = current === undefined ? null : document.getElementById(current.target(laptop))
    marked?.classList.add('next')
    list.hidden = current === undefined
    end.hidden = current !== undefined
    sessionStorage.setItem(storageKey, [...done].join(' '))
  }

  return {
    element: element('div', { class: 'story' }, list, end),
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
