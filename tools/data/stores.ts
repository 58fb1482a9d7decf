// npx cart-accounts stores: shows which database a store belongs in, and moves the rows there.
import { homeOf, type Shard } from '../../src/storage/shards.ts'
import { type OpenDatabases, openDatabases, whichDatabases } from '../lib/bound-databases.ts'
import { CommandError, command, named, parseOptions, safeId, table } from '../lib/command-line.ts'
import {
  BATCH_ROWS,
  countRows,
  deleteRows,
  insertRows,
  readPages,
  type StoreRows,
} from './associations.ts'

const HELP = `Shows which database a store belongs in, and moves the rows there (docs/operating.md has the steps).

  npx cart-accounts stores list [--remote [--env <name>]]
  npx cart-accounts stores copy [--from-store <id>] [--remote [--env <name>]]
  npx cart-accounts stores delete [--remote [--env <name>]]

The databases are those that wrangler.toml binds, and MOVING_TO and MOVING_FROM, as they are set there, say what moves. list prints
each store with its rows, where they are and where they belong. copy copies the rows of the stores that move, store by store in
the order of their ids; it may be repeated, and --from-store begins at a later one. delete deletes what a copy left behind,
once nothing moves. They are the databases of this machine (or in <directory>, with --persist-to); with --remote, those
that wrangler.toml names, at its top level or for the environment of --env, or the file that --config names.

Examples

  npx cart-accounts stores list --remote
  npx cart-accounts stores copy --remote --env production
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

type Subcommand = (databases: OpenDatabases, fromStore: string) => Promise<void>

const commands: Record<string, Subcommand> = { list, copy, delete: deleteLeftBehind }

export const stores = command(HELP, async ([name, ...args]) => {
  const subcommand = named('Name what to do', commands, name)
  const options = { ...whichDatabases, 'from-store': { type: 'string' } } as const
  const { values } = parseOptions(args, options)
  const from = values['from-store']
  const fromStore = from === undefined ? '' : safeId('--from-store', from)
  const databases = await openDatabases(values)
  try {
    await subcommand(databases, fromStore)
  } finally {
    await databases.close()
  }
})

async function list(databases: OpenDatabases): Promise<void> {
  const found = await countRows(databases)
  const rows = found.map(({ storeId, rows, database }) => [
    storeId,
    `${rows}`,
    database,
    homeOf(databases.future, storeId).name,
  ])
  process.stdout.write(table([['STORE', 'ROWS', 'IS IN', 'BELONGS IN'], ...rows]))
}

async function copy(databases: OpenDatabases, fromStore: string): Promise<void> {
  const { present, future } = databases
  if (!isMoving(databases)) {
    throw new CommandError(
      'No store moves: MOVING_TO or MOVING_FROM must name a database in wrangler.toml, and be deployed, before rows are copied',
    )
  }
  // What an earlier move left behind is older than what its store has now.
  const live = (await countRows(databases)).filter(
    ({ storeId, database }) => homeOf(present, storeId).name === database,
  )
  const moves = movesTo(future, live)
  if (moves.length === 0) return say(NOTHING)
  for (const move of moves) await copyRows(databases, move, fromStore)
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

async function deleteLeftBehind(databases: OpenDatabases): Promise<void> {
  if (isMoving(databases)) {
    throw new CommandError(
      'Stores are moving: take MOVING_TO and MOVING_FROM out of wrangler.toml, and deploy, before rows are deleted',
    )
  }
  const found = await countRows(databases)
  const moves = movesTo(databases.present, found)
  if (moves.length === 0) return say(NOTHING)
  for (const { to, storeIds } of moves) {
    const missing = storeIds.find(
      (id) => !found.some(({ storeId, database }) => storeId === id && database === to),
    )
    if (missing !== undefined) {
      throw new CommandError(`${to} has no row of the store ${missing}: copy it first`)
    }
  }
  for (const { from, storeIds } of moves) {
    const shard = shardNamed(databases, from)
    let deleted = 0
    for (const chunk of chunksOf(storeIds, QUERY_STORES)) {
      deleted += await deleteRows(databases, shard, chunk)
    }
    say(`${from}: ${deleted} rows deleted`)
  }
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
function movesTo(homes: readonly Shard[], found: readonly StoreRows[]): Move[] {
  const moves = new Map<string, Move>()
  for (const { storeId, database: from } of found) {
    const { name: to } = homeOf(homes, storeId)
    if (to === from) continue
    const move = moves.get(`${from} ${to}`) ?? { from, to, storeIds: [] }
    move.storeIds.push(storeId)
    moves.set(`${from} ${to}`, move)
  }
  return [...moves.values()]
}

/** Whether MOVING_TO or MOVING_FROM is set. */
function isMoving({ all, present, future }: OpenDatabases): boolean {
  return present.length < all.length || future.length < all.length
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
