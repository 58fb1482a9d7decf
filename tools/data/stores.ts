// npx cart-accounts stores: shows which database a store belongs in, and moves the rows there.
import { setTimeout as sleep } from 'node:timers/promises'
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
import { askReadiness } from '../lib/responses.ts'
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

/** Named by one query. */
const QUERY_STORES = 1_000

/** The stores whose rows are in one database and belong in another one, sorted by their ids. */
interface Move {
  from: Shard
  to: Shard
  stores: StoreRows[]
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

function readinessOf(url: string): string {
  const address = URL.parse('/readyz', url)
  if (address !== null && /^https?:$/.test(address.protocol)) return address.href
  throw badArgument(`--url must be like https://carts.example, not ${JSON.stringify(url)}`)
}

/**
 * Isolates take a deployment at different moments, so one response says little.
 *
 * @throws CommandError at the first response without this digest
 */
async function requirePlacement(
  address: string,
  digest: string | undefined,
  pauseMs: number,
): Promise<void> {
  for (let count = 1; count <= ASKS; count += 1) {
    const { placement: found } = await askReadiness(address)
    if (found !== digest) {
      throw new CommandError(
        `${address} has the placement ${found ?? 'none'}, and wrangler.toml ${digest ?? 'none'}: deploy, or wait until every isolate has it, and start again`,
      )
    }
    if (count % 5 === 0) say(`${count} of ${ASKS} responses of the Worker have this placement`)
    if (count < ASKS) await sleep(pauseMs)
  }
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
  const moves = movesTo(databases.all, future, live)
  if (!(await mayBegin(moves, 'copied', wishes))) return
  for (const { from, to, stores } of moves) {
    const wanted = stores.filter(({ storeId }) => storeId >= wishes.fromStore)
    for (const chunk of chunksOf(wanted, QUERY_STORES)) {
      for await (const page of readPages(databases, from, idsOf(chunk))) {
        for (const rows of chunksOf(page, BATCH_ROWS)) await insertRows(databases, to, rows)
        const [storeId] = page.at(-1) ?? []
        if (storeId === undefined) continue
        say(`${from.name} to ${to.name}: ${page.length} rows, up to the store ${storeId}`)
      }
    }
  }
  const found = await countRows(databases)
  for (const move of moves) requireCopied(move, found)
}

async function deleteLeftBehind(databases: OpenDatabases, wishes: Wishes): Promise<void> {
  if (isMoving(databases)) {
    throw new CommandError(
      'Stores are moving: take MOVING_TO, MOVING_FROM and STORE_PLACEMENT_NEXT out of wrangler.toml, and deploy, before rows are deleted',
    )
  }
  const found = await countRows(databases)
  const moves = movesTo(databases.all, databases.present, found)
  for (const { to, stores } of moves) {
    const missing = stores.find(({ storeId }) => rowsIn(found, to, storeId) === 0)
    if (missing === undefined) continue
    throw new CommandError(`${to.name} has no row of the store ${missing.storeId}: copy it first`)
  }
  if (!(await mayBegin(moves, 'deleted', wishes))) return
  for (const { from, stores } of moves) {
    let deleted = 0
    for (const chunk of chunksOf(stores, QUERY_STORES)) {
      deleted += await deleteRows(databases, from, idsOf(chunk))
    }
    say(`${from.name}: ${deleted} rows deleted`)
  }
}

/** Prints what is to do, and returns whether to do it. */
async function mayBegin(
  moves: readonly Move[],
  done: 'copied' | 'deleted',
  { dryRun, requireDeployed }: Wishes,
): Promise<boolean> {
  const lines = moves.flatMap(({ from, to, stores }) =>
    stores.map(({ storeId, rows }) => [storeId, `${rows}`, from.name, to.name]),
  )
  if (lines.length === 0) say('Every row is where it belongs')
  if (lines.length === 0) return false
  const rows = lines.reduce((sum, [, count]) => sum + Number(count), 0)
  process.stdout.write(table([['STORE', 'ROWS', 'FROM', 'TO'], ...lines]))
  say(`${grouped(rows)} rows of ${grouped(lines.length)} stores are to be ${done}`)
  if (dryRun) return false
  await requireDeployed()
  return true
}

/** @throws CommandError if the copy has other rows than what was copied */
function requireCopied({ from, to, stores }: Move, found: readonly StoreRows[]): void {
  let total = 0
  for (const { storeId } of stores) {
    const [source, copy] = [rowsIn(found, from, storeId), rowsIn(found, to, storeId)]
    if (source !== copy) {
      throw new CommandError(
        `${to.name} has ${copy} rows of the store ${storeId}, and ${from.name} has ${source}: is it still written, or were rows left behind there once?`,
      )
    }
    total += copy
  }
  say(`${to.name} has all ${total} rows of ${stores.length} stores of ${from.name}`)
}

function rowsIn(found: readonly StoreRows[], { name }: Shard, id: string): number {
  return found.find(({ storeId, database }) => database === name && storeId === id)?.rows ?? 0
}

/** Finds the stores that are not in their home. */
function movesTo(
  all: readonly Shard[],
  homes: Placement<Shard>,
  found: readonly StoreRows[],
): Move[] {
  const pairs = all.flatMap((from) => all.filter((to) => to !== from).map((to) => ({ from, to })))
  const moves = pairs.map(({ from, to }) => {
    const stores = found.filter(
      ({ storeId, database }) => database === from.name && homeIn(homes, storeId) === to,
    )
    return { from, to, stores }
  })
  return moves.filter(({ stores }) => stores.length > 0)
}

/** Whether the settings say that stores may move. */
function isMoving({ present, future }: OpenDatabases): boolean {
  return digestOf(present) !== digestOf(future)
}

function idsOf(stores: readonly StoreRows[]): string[] {
  return stores.map(({ storeId }) => storeId)
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}

function say(line: string): void {
  process.stdout.write(`${line}
`)
}
