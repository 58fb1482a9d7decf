// A process that fills the local D1's file with the next rows, and may be ended at any moment.
import { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { grouped } from '../tools/lib/options.ts'
import { rowAt } from './scale-rows.ts'

/** What the parent process asks for, as JSON in the first argument. */
export const fillOptions = v.object({
  file: v.string(),
  /** How many rows there are, and how many there shall be. */
  from: v.number(),
  to: v.number(),
})

export type FillOptions = v.InferOutput<typeof fillOptions>

const STORE = 'proofs'
/** 10 million associations fit in; beyond it, each row has pages written at once. */
const CACHE_KIB = 4_000_000
const LOCKED_MS = 10_000
const PROGRESS_MS = 2_000
const CHECKED_ROWS = 1_000

if (import.meta.main) {
  const options = v.parse(v.pipe(v.string(), v.parseJson(), fillOptions), process.argv[2])
  // A workerd that was killed lets go of it a moment later.
  const database = new DatabaseSync(options.file, { timeout: LOCKED_MS })
  const journal = v.parse(
    v.object({ journal_mode: v.string() }),
    database.prepare('pragma journal_mode').get(),
  )
  // Nothing of it has to outlive a crash: the file is thrown away then.
  database.exec(`
    pragma locking_mode = exclusive;
    pragma journal_mode = off;
    pragma synchronous = off;
    pragma cache_size = -${CACHE_KIB}`)
  fill(database, options)
  database.exec(`
    pragma locking_mode = normal;
    pragma journal_mode = ${journal.journal_mode}`)
  database.close()
}

/** One after the other into both b-trees, so that they grow as they do in production. */
function fill(database: DatabaseSync, { from, to }: FillOptions): void {
  const insert = database.prepare(`
    insert into associations (store_id, cart_id, account_id, created_at, created_by, request_id)
    values ('${STORE}', ?, ?, ?, ?, ?)`)
  let shownAt = performance.now()
  let shownRows = from
  database.exec('begin')
  for (let number = from; number < to; number += 1) {
    const { cart, account, createdAt, createdBy, requestId } = rowAt(number)
    insert.run(cart, account, createdAt, createdBy, requestId)
    if (number % CHECKED_ROWS > 0) continue
    const ms = performance.now() - shownAt
    if (ms < PROGRESS_MS) continue
    const rate = Math.round((number - shownRows) / (ms / 1_000))
    process.stdout.write(
      `Filling in ${grouped(to)} associations: ${grouped(number)}, ${grouped(rate)} a second\n`,
    )
    shownAt = performance.now()
    shownRows = number
  }
  database.exec('commit')
}
