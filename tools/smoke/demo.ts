// npm run demo: shows the API at work on a Worker and a database of its own, and checks each answer.
import { STATUS_CODES } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { CommandError, run, styled } from '../lib/command-line.ts'
import { StoppedError, stopAll, stopAllAtTheEnd } from '../lib/processes.ts'
import { startThrowawayWorker } from '../lib/throwaway-worker.ts'
import { demoSteps } from './demo-steps.ts'
import { comparable, type Step, send } from './steps.ts'

await run(async () => {
  if (process.argv.length > 2) throw new CommandError('npm run demo takes no arguments', 2)
  stopAllAtTheEnd()
  const log: string[] = []
  try {
    process.stdout.write('Starting a Worker with a database of its own\n')
    const worker = await startThrowawayWorker('demo', (text) => log.push(text))
    const failures = await showAll(worker.url, await demoSteps(worker))
    if (failures > 0) throw new CommandError(`${failures} answers are not what the contract says`)
  } catch (error) {
    if (!(error instanceof StoppedError)) process.stderr.write(log.join(''))
    throw error
  } finally {
    await stopAll()
  }
})

async function showAll(url: string, steps: Step[]): Promise<number> {
  const shown: boolean[] = []
  for (const step of steps) shown.push(await show(url, step))
  const failures = shown.filter((asPromised) => !asPromised).length
  process.stdout.write(
    `\n${shown.length - failures} of ${shown.length} answers are as the contract says\n`,
  )
  return failures
}

/** Makes the request, prints it with its answer, and tells whether that is the promised one. */
async function show(url: string, step: Step): Promise<boolean> {
  const answer = comparable(await send(url, step), step)
  const asPromised = isDeepStrictEqual(answer, { body: undefined, ...step.answer })
  const colour = answer.status < 400 ? 'green' : 'yellow'
  const status = styled(colour, `${answer.status} ${STATUS_CODES[answer.status] ?? ''}`)
  const lines = [
    '',
    styled('bold', step.title),
    `  ${step.method} ${step.path}${bodyOf(step)}`,
    `  ${status}${bodyOf(answer)}`,
  ]
  if (!asPromised) {
    lines.push(styled('red', `  Expected ${step.answer.status}${bodyOf(step.answer)}`))
  }
  process.stdout.write(`${lines.join('\n')}\n`)
  return asPromised
}

function bodyOf({ body }: { body?: unknown }): string {
  return body === undefined ? '' : `  ${JSON.stringify(body)}`
}
