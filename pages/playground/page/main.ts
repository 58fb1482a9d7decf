// Puts the page together: two devices, somebody else, the guide, and the requests they send.
import type { Actor } from './actor.ts'
import { Device } from './device.ts'
import { button, element, existing } from './element.ts'
import { createGuide } from './guide.ts'
import type { StoryEvent } from './outcome.ts'
import { createRequestLog } from './request-log.ts'
import { loadSession } from './session.ts'
import { Stranger } from './stranger.ts'
import { deviceView, strangerView } from './views.ts'

const TITLES: Record<string, string> = { phone: 'Phone', laptop: 'Laptop', ben: 'Ben' }

const session = await loadSession()
const log = createRequestLog(session.clientId)

const shared = {
  session,
  record: (name: string, exchange: Parameters<typeof log.add>[1]) =>
    log.add(TITLES[name] ?? name, exchange),
  changed: render,
  happened: (event: StoryEvent) => guide.happened(event),
}
const phone = new Device({ ...shared, name: 'phone' })
const laptop = new Device({ ...shared, name: 'laptop' })
const guide = createGuide(session, laptop)
const ben = new Stranger({ ...shared, name: 'ben' }, [phone, laptop])
const actors: readonly Actor[] = [phone, laptop, ben]
const views = [
  deviceView(phone, 'Phone', log.linkTo),
  deviceView(laptop, 'Laptop', log.linkTo),
  strangerView(ben, log.linkTo),
]

existing('devices').append(...views.map(({ element }) => element))
const again = element('span', { class: 'words' }, 'Start over')
existing('guide').append(guide.element, button({ class: 'again quiet' }, startOver, again))
existing('nobody').hidden = session.accounts !== undefined
render()
// Shown when it is complete, so that nothing visible moves.
existing('stage').hidden = false
await Promise.all([phone.resume(), laptop.resume()])

function render(): void {
  for (const view of views) view.render()
  guide.render()
}

async function startOver(): Promise<void> {
  // The answer to a request on its way would be stored with the new cart.
  if (actors.some(({ busy }) => busy)) return
  guide.startOver()
  await phone.clearAccount()
  for (const actor of actors) await actor.startOver()
}
