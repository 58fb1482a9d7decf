// npx cart-accounts stores: shows which database a store belongs in, and moves the rows there.
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { digestOf, homeIn, type Placement, type Shard } from '../../src/storage/shards.ts'
import { type OpenDatabases, openDatabases, whichDatabases } from '../lib/bound-databases.ts'
import {
  badArgument,
  CommandError,
  command,
  grouped,
  named,
  parseOptions,
  safeId,
  table,
} from '../lib/command-line.ts'
import { detailOf, reasonOf } from '../lib/responses.ts'
import {
  BATCH_ROWS,
  countRows,
  deleteRows,
  insertRows,
  readPages,
  type StoreRows,
} from './associations.ts'

const HELP = `Shows which database a store belongs in, and moves the rows there (docs/databases.md has the steps).

  npx cart-accounts stores list [--remote [--env <name>]]
  npx cart-accounts stores copy [--from-store <id>] [--dry-run] [--url <address>] [--remote [--env <name>]]
  npx cart-accounts stores delete [--dry-run] [--url <address>] [--remote [--env <name>]]

The databases are those that wrangler.toml binds; MOVING_TO, MOVING_FROM, STORE_PLACEMENT and STORE_PLACEMENT_NEXT, as they are set
there, say what moves. list prints each store with its rows, where they are and where they belong. copy copies the rows of the
stores that move, store by store in the order of their ids; it may be repeated, and --from-store begins at a later one. delete
deletes what a copy left behind, once nothing moves. Both print first which stores and how many rows, and with --dry-run
nothing else. With --url they first ask the deployed Worker, for a minute, whether each of twenty responses of its /readyz has the
placement of wrangler.toml; with --remote and a placement they need it. They are the databases of this machine (or in <directory>, with
--persist-to); with --remote, those that wrangler.toml names, at its top level or for the environment of --env, or the file
that --config names.

Examples

  npx cart-accounts stores list --remote --env production
  npx cart-accounts stores copy --remote --env production
  npx cart-accounts stores copy --url https://carts.example --remote --env production
  npx cart-accounts stores copy --from-store store-500 --remote --env production
`

const NOTHING = 'Every row is where it belongs'
/** Named by one query. */
const QUERY_STORES = 1_000

/** Stores whose rows are in the database `from` and belong in the database `to`. */
interface Move {
  from: string
  to: string
  /** Sorted. */
  storeIds: string[]
}

interface Wishes {
  fromStore: string
  dryRun: boolean
  /** Waits until the deployed Worker has the placement. */
  requireDeployed: () => Promise<void>
}

type Subcommand = (databases: OpenDatabases, wishes: Wishes) => Promise<void>

const commands: Record<string, Subcommand> = { list, copy, delete: deleteLeftBehind }

const options = {
  ...whichDatabases,
  'from-store': { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  url: { type: 'string' },
} as const

const ASKS = 20
const TRY_MS = 10_000
const ready = v.pipe(v.string(), v.parseJson(), v.object({ placement: v.optional(v.string()) }))

/** Asks a deployed Worker as often as it takes within `askingMs`. */
export const storesAsking = (askingMs: number) =>
  command(HELP, async ([name, ...args]) => {
    const subcommand = named('Name what to do', commands, name)
    const { values } = parseOptions(args, options)
    const { 'from-store': from, 'dry-run': dryRun, url, remote } = values
    const fromStore = from === undefined ? '' : safeId('--from-store', from)
    const address = url === undefined ? undefined : readinessOf(url)
    const databases = await openDatabases(values)
    const { digest } = databases
    const requireDeployed = async () => {
      if (address !== undefined) return await requirePlacement(address, digest, askingMs / ASKS)
      if (!remote || digest === undefined) return
      throw badArgument(
        '--url must be the address of the deployed Worker, whose placement is asked',
      )
    }
    try {
      await subcommand(databases, { fromStore, dryRun, requireDeployed })
    } finally {
      await databases.close()
    }
  })

export const stores = storesAsking(60_000)

function readinessOf(url: string): URL {
  const address = URL.parse('/readyz', url)
  if (address !== null && /^https?:$/.test(address.protocol)) return address
  throw badArgument(`--url must be like https://carts.example, not ${JSON.stringify(url)}`)
}

/**
 * Isolates take a deployment at different moments, so one response says little.
 *
 * @throws CommandError at the first response without this digest
 */
async function requirePlacement(
  address: URL,
  digest: string | undefined,
  pauseMs: number,
): Promise<void> {
  for (let count = 1; count <= ASKS; count += 1) {
    const found = await placementAt(address)
    if (found !== digest) {
      throw new CommandError(
        `${address} has the placement ${found ?? 'none'}, and wrangler.toml ${digest ?? 'none'}: deploy, or wait until every isolate has it, and start again`,
      )
    }
    if (count % 5 === 0) say(`${count} of ${ASKS} responses of the Worker have this placement`)
    if (count < ASKS) await sleep(pauseMs)
  }
}

async function placementAt(address: URL): Promise<string | undefined> {
  // Another connection each time may reach another isolate.
  const asked = { headers: { Connection: 'close' }, redirect: 'manual' } as const
  const response = await fetch(address, { ...asked, signal: AbortSignal.timeout(TRY_MS) }).catch(
    (error: unknown) => {
      throw new CommandError(`${address} does not answer: ${reasonOf(error)}`)
    },
  )
  const text = await response.text()
  const found = v.safeParse(ready, text)
  if (response.status === 200 && found.success) return found.output.placement
  throw new CommandError(`${address} is not 200: ${response.status} ${detailOf(text) ?? ''}`.trim())
}

async function list(databases: OpenDatabases): Promise<void> {
  const found = await countRows(databases)
  const rows = found.map(({ storeId, rows, database }) => [
    storeId,
    `${rows}`,
    database,
    homeIn(databases.future, storeId).name,
  ])
  process.stdout.write(table([['STORE', 'ROWS', 'IS IN', 'BELONGS IN'], ...rows]))
}

async function copy(databases: OpenDatabases, wishes: Wishes): Promise<void> {
  const { present, future } = databases
  if (!isMoving(databases)) {
    throw new CommandError(
      'No store moves: MOVING_TO, MOVING_FROM or STORE_PLACEMENT_NEXT must be set in wrangler.toml, and be deployed, before rows are copied',
    )
  }
  // What an earlier move left behind is older than what its store has now.
  const live = (await countRows(databases)).filter(
    ({ storeId, database }) => homeIn(present, storeId).name === database,
  )
  const moves = movesTo(future, live)
  if (!(await mayBegin(moves, live, 'copied', wishes))) return
  for (const move of moves) await copyRows(databases, move, wishes.fromStore)
  const found = await countRows(databases)
  for (const move of moves) {
    const rows = requireCopied(move, found)
    say(`${move.to} has all ${rows} rows of ${move.storeIds.length} stores of ${move.from}`)
  }
}

/** Copies the rows in the order of their stores, and leaves alone what is there already. */
async function copyRows(databases: OpenDatabases, move: Move, fromStore: string): Promise<void> {
  const [from, to] = [shardNamed(databases, move.from), shardNamed(databases, move.to)]
  const wanted = move.storeIds.filter((storeId) => storeId >= fromStore)
  for (const storeIds of chunksOf(wanted, QUERY_STORES)) {
    for await (const page of readPages(databases, from, storeIds)) {
      for (const rows of chunksOf(page, BATCH_ROWS)) await insertRows(databases, to, rows)
      const [storeId] = page.at(-1) ?? []
      if (storeId === undefined) continue
      say(`${from.name} to ${to.name}: ${page.length} rows, up to the store ${storeId}`)
    }
  }
}

async function deleteLeftBehind(databases: OpenDatabases, wishes: Wishes): Promise<void> {
  if (isMoving(databases)) {
    throw new CommandError(
      'Stores are moving: take MOVING_TO, MOVING_FROM and STORE_PLACEMENT_NEXT out of wrangler.toml, and deploy, before rows are deleted',
    )
  }
  const found = await countRows(databases)
  const moves = movesTo(databases.present, found)
  for (const { to, storeIds } of moves) {
    const missing = storeIds.find(
      (id) => !found.some(({ storeId, database }) => storeId === id && database === to),
    )
    if (missing !== undefined) {
      throw new CommandError(`${to} has no row of the store ${missing}: copy it first`)
    }
  }
  if (!(await mayBegin(moves, found, 'deleted', wishes))) return
  for (const { from, storeIds } of moves) {
    const shard = shardNamed(databases, from)
    let deleted = 0
    for (const chunk of chunksOf(storeIds, QUERY_STORES)) {
      deleted += await deleteRows(databases, shard, chunk)
    }
    say(`${from}: ${deleted} rows deleted`)
  }
}

/** Prints what is to do, and returns whether to do it. */
async function mayBegin(
  moves: readonly Move[],
  found: readonly StoreRows[],
  done: 'copied' | 'deleted',
  { dryRun, requireDeployed }: Wishes,
): Promise<boolean> {
  if (moves.length === 0) say(NOTHING)
  if (moves.length === 0) return false
  const lines = moves.flatMap(({ from, to, storeIds }) => {
    const moving = new Set(storeIds)
    return found
      .filter(({ storeId, database }) => database === from && moving.has(storeId))
      .map(({ storeId, rows }) => [storeId, `${rows}`, from, to])
  })
  const rows = lines.reduce((sum, [, count]) => sum + Number(count), 0)
  process.stdout.write(table([['STORE', 'ROWS', 'FROM', 'TO'], ...lines]))
  say(`${grouped(rows)} rows of ${grouped(lines.length)} stores are to be ${done}`)
  if (dryRun) return false
  await requireDeployed()
  return true
}

/** @throws CommandError if the copy has other rows than what was copied */
export function requireCopied({ from, to, storeIds }: Move, found: readonly StoreRows[]): number {
  const rowsIn = (name: string, storeId: string) =>
    found.find((each) => each.database === name && each.storeId === storeId)?.rows ?? 0
  for (const storeId of storeIds) {
    const [source, copy] = [rowsIn(from, storeId), rowsIn(to, storeId)]
    if (source !== copy) {
      throw new CommandError(
        `${to} has ${copy} rows of the store ${storeId}, and ${from} has ${source}: is it still written, or were rows left behind there once?`,
      )
    }
  }
  return storeIds.reduce((sum, storeId) => sum + rowsIn(to, storeId), 0)
}

/** Groups the stores that are not in their home by their two databases. */
function movesTo(homes: Placement<Shard>, found: readonly StoreRows[]): Move[] {
  const moves = new Map<string, Move>()
  for (const { storeId, database: from } of found) {
    const { name: to } = homeIn(homes, storeId)
    if (to === from) continue
    const move = moves.get(`${from} ${to}`) ?? { from, to, storeIds: [] }
    move.storeIds.push(storeId)
    moves.set(`${from} ${to}`, move)
  }
  return [...moves.values()]
}

/** Whether the settings say that stores may move. */
function isMoving({ present, future }: OpenDatabases): boolean {
  return digestOf(present) !== digestOf(future)
}

function shardNamed({ all }: OpenDatabases, name: string): Shard {
  const shard = all.find((each) => each.name === name)
  if (shard === undefined) throw new CommandError(`${name} is not bound`)
  return shard
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
