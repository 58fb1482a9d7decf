// Puts the page together: two devices, somebody else, the guide, and the requests they send.
import { type Actor, Stranger } from './actor.ts'
import { Device } from './device.ts'
import { find } from './element.ts'
import { createGuide } from './guide.ts'
import type { StoryEvent } from './outcome.ts'
import { createRequestLog } from './request-log.ts'
import { loadSession } from './session.ts'
import { showDevice, showStranger } from './views.ts'

const session = await loadSession()
const { add: record, linkTo } = createRequestLog(session.clientId)
const happened = (event: StoryEvent) => guide.happened(event)
const shared = { session, record, changed: render, happened }
const phone = new Device({ ...shared, name: 'Phone' })
const laptop = new Device({ ...shared, name: 'Laptop' })
const ben = new Stranger({ ...shared, name: 'Ben' }, [phone, laptop])
const actors: readonly Actor[] = [phone, laptop, ben]
const views = [showDevice(phone, linkTo), showDevice(laptop, linkTo), showStranger(ben, linkTo)]
const guide = createGuide(session, laptop)

find('#again').addEventListener('click', () => void startOver())
find('#nobody').hidden = session.accounts !== undefined
render()
// Shown when it is complete, so that nothing visible moves.
find('#stage').hidden = false
await Promise.all([phone.resume(), laptop.resume()])

function render(): void {
  for (const renderView of views) renderView()
  guide.render()
}

async function startOver(): Promise<void> {
  // The answer to a request on its way would be stored with the new cart.
  if (actors.some(({ busy }) => busy)) return
  guide.startOver()
  await phone.clearAccount()
  for (const actor of actors) await actor.startOver()
}
