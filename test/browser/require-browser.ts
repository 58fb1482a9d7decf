// Before npm run test:browser starts anything: is there a browser?
import { run } from '../../tools/lib/command-line.ts'
import { browserPath } from './chromium.ts'

await run(async () => {
  browserPath()
})
