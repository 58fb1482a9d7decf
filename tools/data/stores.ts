// npm run stores: tells which database a store belongs in, and moves the rows there.
import path from 'node:path'
import { homeOf } from '../../src/storage/shards.ts'
import {
  badArgument,
  CommandError,
  commandNamed,
  parseOptions,
  run,
  safeId,
  table,
  targetOf,
  where,
} from '../lib/command-line.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import {
  copyRows,
  countRows,
  deleteRows,
  type Move,
  requireCopied,
  type StoreRows,
} from './store-rows.ts'

const HELP = `Tells which database a store belongs in, and moves the rows there (docs/operating.md has the steps).

  npm run stores -- list --databases DB,DB_1,... [--moving-from <database>] [--remote [--env <name>]]
  npm run stores -- copy --databases DB,DB_1,... [--moving-from <database>] [--from-store <id>] [--remote [--env <name>]]
  npm run stores -- delete --databases DB,DB_1,... [--moving-from <database>] [--remote [--env <name>]]

--databases names every database that the Worker has, and --moving-from the one that stores are to leave. list prints
each store with its rows, where they are and where they belong. copy copies the rows that are not where they belong, store
by store in the order of their ids; it may be repeated, and --from-store begins at a later one. delete deletes what
a copy left behind. They are the databases of this machine (or in <directory>, with --persist-to); with --remote, those
that wrangler.toml names, at its top level or for the environment of --env, or the file that --config names.

Examples

  npm run stores -- list --databases DB,DB_1 --remote
  npm run stores -- copy --databases DB,DB_1 --remote --env production
  npm run stores -- copy --databases DB,DB_1,DB_2 --moving-from DB_1 --remote --env production
`

const options = {
  ...where,
  config: { type: 'string' },
  databases: { type: 'string' },
  'moving-from': { type: 'string' },
  'from-store': { type: 'string', default: '' },
} as const

const NOTHING = 'Every row is where it belongs'

const commands = { list, copy, delete: deleteLeftBehind }

/** What a command is about. */
interface Asked {
  databases: string[]
  /** Where a store belongs. */
  homes: { name: string }[]
  fromStore: string
  target: string[]
}

await run(async () => {
  const named = commandNamed(HELP, commands)
  if (named === undefined) return
  const asked = parseAsked(named.args)
  stopAllAtTheEnd()
  await named.command(asked)
})

async function list({ databases, homes, target }: Asked): Promise<void> {
  const found = await countRows(databases, target)
  const rows = found.map(({ storeId, rows, database }) => [
    storeId,
    `${rows}`,
    database,
    homeOf(homes, storeId).name,
  ])
  process.stdout.write(table([['STORE', 'ROWS', 'IS IN', 'BELONGS IN'], ...rows]))
}

async function copy({ databases, homes, fromStore, target }: Asked): Promise<void> {
  const moves = movesOf(await countRows(databases, target), homes)
  if (moves.length === 0) return say(NOTHING)
  for (const { from, to, storeIds } of moves) {
    const wanted = storeIds.filter((storeId) => storeId >= fromStore)
    await copyRows({ from, to, storeIds: wanted }, target, (rows, storeId) => {
      say(`${from} to ${to}: ${rows} rows, up to the store ${storeId}`)
    })
  }
  const found = await countRows(databases, target)
  for (const move of moves) {
    const rows = requireCopied(move, found)
    say(`${move.to} has all ${rows} rows of ${move.storeIds.length} stores of ${move.from}`)
  }
}

async function deleteLeftBehind({ databases, homes, target }: Asked): Promise<void> {
  const found = await countRows(databases, target)
  const moves = movesOf(found, homes)
  if (moves.length === 0) return say(NOTHING)
  for (const { to, storeIds } of moves) {
    const missing = storeIds.find(
      (id) => !found.some(({ storeId, database }) => storeId === id && database === to),
    )
    if (missing !== undefined) {
      throw new CommandError(`${to} has no row of the store ${missing}: copy it first`)
    }
  }
  for (const move of moves) say(`${move.from}: ${await deleteRows(move, target)} rows deleted`)
}

/** From each database to each other one: what is not where it belongs. */
function movesOf(found: readonly StoreRows[], homes: { name: string }[]): Move[] {
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

function parseAsked(args: string[]): Asked {
  const { values } = parseOptions(args, options)
  const { databases: names, 'moving-from': movingFrom, 'from-store': fromStore, config } = values
  const databases = names?.split(',') ?? []
  const isEach = databases.every((name) => /^DB(_[1-9]\d*)?$/.test(name))
  if (!isEach || !databases.includes('DB') || new Set(databases).size < databases.length) {
    throw badArgument('--databases must name DB and the others, as DB,DB_1')
  }
  const homes = databases.filter((name) => name === 'DB' || name !== movingFrom)
  if (movingFrom !== undefined && homes.length === databases.length) {
    throw badArgument('--moving-from must name one of the databases beside DB')
  }
  return {
    databases,
    homes: homes.map((name) => ({ name })),
    fromStore: fromStore === '' ? '' : safeId('--from-store', fromStore),
    target: [
      ...targetOf(values),
      ...(config === undefined ? [] : ['--config', path.resolve(config)]),
    ],
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
