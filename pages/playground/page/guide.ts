// The story in its order: which step is next, and which are done. It never blocks a button.
import type { Device } from './device.ts'
import { element, find } from './element.ts'
import type { StoryEvent } from './outcome.ts'
import type { Session } from './session.ts'

interface Step {
  event: StoryEvent
  words: string
  /** The id of the button that does it, or of the next button towards it. */
  target: (laptop: Device) => string
}

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

export interface Guide {
  render: () => void
  happened: (event: StoryEvent) => void
  startOver: () => void
}

/** If nobody can sign in, the story ends after its first step. */
export function createGuide({ accounts }: Session, laptop: Device): Guide {
  const steps = accounts === undefined ? STORY.slice(0, 1) : STORY
  // Each npm start makes a new Ada, and the story begins again with her.
  const storageKey = `playground:guide:${accounts?.ada.accountId}`
  const done = new Set(sessionStorage.getItem(storageKey)?.split(' '))
  const list = find('.steps')
  const links = steps.map(({ words }) => element('a', {}, element('span', {}, words)))
  list.append(...links.map((link) => element('li', {}, link)))

  return {
    render() {
      const current = steps.find(({ event }) => !done.has(event))
      for (const [index, { event, words, target }] of steps.entries()) {
        const link = links[index]
        if (link === undefined) continue
        link.setAttribute('href', `#${target(laptop)}`)
        link.ariaLabel = done.has(event) ? `${words}, done` : words
        link.ariaCurrent = event === current?.event ? 'step' : null
        link.classList.toggle('done', done.has(event))
      }
      document.querySelector('.next')?.classList.remove('next')
      if (current !== undefined) find(`#${current.target(laptop)}`).classList.add('next')
      list.hidden = current === undefined
      find('.end').hidden = current !== undefined
      sessionStorage.setItem(storageKey, [...done].join(' '))
    },
    happened: (event) => done.add(event),
    startOver: () => done.clear(),
  }
}
