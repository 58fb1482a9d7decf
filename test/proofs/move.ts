// npm run prove move: whether a store moves to a database of its own while it and another store are
// written, with no response that is wrong, no write lost, and 503 only for its own writes.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'smol-toml'
import { storesAsking } from '../../tools/data/stores.ts'
import { CommandError, grouped, parseOptions } from '../../tools/lib/command-line.ts'
import { checkNotStopped } from '../../tools/lib/processes.ts'
import { printSeed, seedOption } from '../lib/options.ts'
import { seededRandom } from '../lib/random.ts'
import { type BuiltWorker, buildWorker } from './built-worker.ts'
import { ask, type Caller } from './carts-client.ts'
import { isRead } from './race-models.ts'
import {
  type Histories,
  JUMP_MS,
  type Phase,
  type PlannedCall,
  planPhase,
  RACE_BINDINGS,
  runPhase,
  type SeenOperation,
  withHeaders,
} from './race-phase.ts'
import { callersOf, printViolations } from './races.ts'
import { databaseId } from './serve.ts'
import { runSql, sweepable } from './sweep.ts'

const ISOLATES = 2
const DATABASES = ['DB', 'DB_1', 'DB_2']
const STORES = ['moving', 'other'] as const
const RULES = JSON.stringify({ moving: ['DB_2'] })
/** What each deployment sets: before the move, while the store moves, and after it. */
const BEFORE = { DB_2: null, STORE_PLACEMENT: null, STORE_PLACEMENT_NEXT: null }
const DURING = { STORE_PLACEMENT_NEXT: RULES }
const AFTER = { STORE_PLACEMENT: RULES }
/** Rows of the store that moves, besides those that the clients write. */
const ROWS = 20_000
const ASKING_MS = 2_000
/** Between the isolates, which take a deployment at different moments. */
const LAG_MS = 1_000

/** When the move began, when the first isolate got the last settings, and when both had them. */
interface Moments {
  began: number
  last: number
  ended: number
}

/** A phase of both stores, and what was seen of it. */
interface Seen {
  phase: Phase
  histories: Histories
  callers: (call: Pick<PlannedCall, 'cart' | 'shopper'>) => Caller
}

/** @throws CommandError if the move breaks what the service promises */
export async function move(args: string[]): Promise<void> {
  const { values } = parseOptions(args, seedOption)
  const random = seededRandom(printSeed(values.seed))
  const worker = await buildWorker('move')
  const { urls, directory } = await worker.serve({
    ...sweepable(worker.bundle, RACE_BINDINGS),
    isolates: ISOLATES,
    databases: DATABASES,
    // npx cart-accounts opens this directory of --persist-to.
    database: 'v3',
  })
  for (const url of urls) await deploy(url, BEFORE)
  await fill(urls[0] ?? '')
  const running = { isOver: false }
  const moving = moveStore(urls, path.dirname(directory)).finally(() => {
    running.isOver = true
  })
  // It is awaited once the phases are over.
  moving.catch(() => undefined)
  const seen: Seen[] = []
  for (let number = 1; !running.isOver; number += STORES.length) {
    const phases = STORES.map((_, index) => planPhase(random, number + index, ISOLATES))
    seen.push(await runPhases(worker, phases, urls))
    checkNotStopped()
  }
  report(seen, await moving, await readAtTheEnd(seen, urls))
}

/** Gives the store that moves some rows more. */
async function fill(url: string): Promise<void> {
  await runSql(
    url,
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${ROWS})
      insert into associations
        select 'moving', 'kept-' || n, 'kept-' || n, n, n, 'proof', 'proof' from numbers`,
  )
}

/** Does what docs/databases.md says, and returns when. */
async function moveStore(urls: readonly string[], directory: string): Promise<Moments> {
  const [first = '', second = ''] = urls
  const front = await startFront(urls)
  const config = path.join(directory, 'wrangler.toml')
  const target = ['--url', front.url, '--persist-to', directory, '--config', config]
  const stores = (subcommand: string, vars: Record<string, string>): Promise<void> => {
    const d1 = DATABASES.map((binding) => ({ binding, database_id: databaseId(binding) }))
    const worker = { compatibility_date: '2026-08-03', vars, d1_databases: d1 }
    writeFileSync(config, stringify(worker))
    return storesAsking(ASKING_MS)([subcommand, ...target])
  }
  try {
    await sleep(LAG_MS)
    const began = performance.now()
    await deploy(first, DURING)
    const refused = await stores('copy', DURING).then(() => undefined, String)
    if (!refused?.includes('has the placement')) throw new CommandError(`Not refused: ${refused}`)
    await deploy(second, DURING)
    await stores('copy', DURING)
    const last = performance.now()
    await deploy(first, AFTER)
    await sleep(LAG_MS)
    await deploy(second, AFTER)
    const ended = performance.now()
    await stores('delete', AFTER)
    await sleep(LAG_MS)
    return { began, last, ended }
  } finally {
    front.close()
  }
}

/** Replaces the settings of an isolate, whose databases are all bound unless BEFORE says otherwise. */
async function deploy(url: string, variables: object): Promise<void> {
  await fetch(url, { method: 'PUT', body: JSON.stringify(variables) })
}

/** One address, behind which the isolates take turns. */
async function startFront(urls: readonly string[]): Promise<{ url: string; close: () => void }> {
  let turn = 0
  const server = createServer(async (request, response) => {
    turn += 1
    const answer = await fetch(new URL(request.url ?? '/', urls[turn % urls.length]))
    response.writeHead(answer.status).end(await answer.text())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = Object(server.address())
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() }
}

async function runPhases(worker: BuiltWorker, phases: Phase[], urls: string[]): Promise<Seen> {
  const ofStores = await Promise.all(
    phases.map((phase, index) => callersOf(worker, phase, STORES[index])),
  )
  const callers: Seen['callers'] = (call) => {
    const found = ofStores[phases.findIndex(({ carts }) => carts.includes(call.cart))]
    if (found === undefined) throw new Error(`No store has ${call.cart}`)
    return found(call)
  }
  const phase = {
    carts: phases.flatMap(({ carts }) => carts),
    accounts: phases.flatMap(({ accounts }) => accounts),
    clients: phases.flatMap(({ clients }) => clients),
  }
  return { phase, callers, histories: await runPhase(phase, urls, callers) }
}

/** Reads every cart again, in its last database. */
async function readAtTheEnd(seen: readonly Seen[], [url = '']: readonly string[]) {
  const final = new Map<string, SeenOperation>()
  for (const { phase, callers } of seen) {
    for (const cart of phase.carts) {
      const call = { action: 'list accounts', shopper: undefined, accounts: [], cart } as const
      const invokedAt = performance.now()
      const answer = await ask(
        url,
        withHeaders(callers(call), { 'X-Ms-Ahead': `${JUMP_MS}` }),
        call,
      )
      const times = { invokedAt, returnedAt: performance.now() }
      const client = { client: 0, request: -2, isolate: 0, fault: undefined }
      final.set(cart, { ...call, ...answer, ...client, ...times })
    }
  }
  return final
}

/** @throws CommandError if anything was wrong */
function report(
  seen: readonly Seen[],
  { began, last, ended }: Moments,
  final: ReadonlyMap<string, SeenOperation>,
): void {
  const isOfMoving = ({ cart }: SeenOperation) => Number(cart.split('-')[1]) % STORES.length === 1
  const isMoving = (operation: SeenOperation) =>
    isOfMoving(operation) && operation.returnedAt >= began && operation.invokedAt <= ended
  // Until it has the last settings too, the second isolate still reads the old database.
  const mayBeStale = (operation: SeenOperation) =>
    isMoving(operation) &&
    isRead(operation) &&
    operation.isolate === 1 &&
    operation.returnedAt >= last
  const asked = new Set<string>()
  const refused = new Set<string>()
  const stale = new Set<string>()
  const wrong = new Set<string>()
  let violations = 0
  for (const [phase, { histories }] of seen.entries()) {
    const isExplained = (operation: SeenOperation): boolean => {
      const { status, action } = operation
      const request = `${phase} ${operation.request}`
      asked.add(request)
      if (mayBeStale(operation)) stale.add(request)
      else if (status !== 503) return true
      else if (isMoving(operation) && !isRead({ action })) refused.add(request)
      else wrong.add(request)
      return false
    }
    const carts = [...histories.carts].map(([cart, history]) => {
      const last = final.get(cart)
      return [cart, [...history.filter(isExplained), ...(last ? [last] : [])]] as const
    })
    const accounts = [...histories.accounts].map(
      ([account, history]) => [account, history.filter(isExplained)] as const,
    )
    violations += printViolations({ carts: new Map(carts), accounts: new Map(accounts) })
  }
  process.stdout.write(
    `move: ${grouped(asked.size)} operations on ${STORES.length} stores, ${ISOLATES} isolates, ${DATABASES.length} databases; the move took ${((ended - began) / 1000).toFixed(1)} s
move: ${grouped(refused.size)} writes of the store that moved were 503, and ${wrong.size} other requests
move: ${grouped(stale.size)} reads of an isolate with the settings before last are left out
move: ${grouped(final.size)} carts read again at the end, ${violations} violations
`,
  )
  if (refused.size === 0) throw new CommandError('No write met the move: nothing is proved')
  if (violations + wrong.size > 0) throw new CommandError('The move broke a promise')
}
