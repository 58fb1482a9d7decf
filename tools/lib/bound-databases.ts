// The databases of wrangler.toml as D1 bindings in Node: those of this machine, or the deployed ones.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { Bindings } from '../../src/bindings.ts'
import { reasonOf, UnavailableError } from '../../src/errors.ts'
import type { Database } from '../../src/storage/database.ts'
import { primaryDatabase } from '../../src/storage/database.ts'
import { findShards, type Shard, type Shards } from '../../src/storage/shards.ts'
import { badArgument, CommandError, targetOf, where } from './command-line.ts'
import { projectRoot } from './project-root.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { NOT_MIGRATED, notMigrated, QUIET } from './wrangler.ts'

/** The options that choose them. */
export const whichDatabases = { ...where, config: { type: 'string' } } as const

export interface DatabaseChoice {
  remote: boolean
  'persist-to'?: string
  config?: string
}

export interface OpenDatabases extends Shards {
  /** As wrangler wants to be told of them. */
  target: string[]
  close: () => Promise<void>
}

const configured = v.object({
  name: v.optional(v.string()),
  account_id: v.optional(v.string()),
  compatibility_date: v.optional(v.string()),
  vars: v.record(v.string(), v.unknown()),
  d1_databases: v.array(v.looseObject({})),
})

// A workerd does not wait for the lock of another one: both are for the next try.
const LOCKED = /database is locked|Failed to get session commit token/
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000]

/**
 * Opens all of them, each with its tables.
 *
 * @throws CommandError saying what to do first
 */
export async function openDatabases(choice: DatabaseChoice): Promise<OpenDatabases> {
  const target = targetWith(choice)
  Object.assign(process.env, QUIET, { WRANGLER_LOG: 'error' })
  // Half a second to load, which --help need not wait for.
  const { getPlatformProxy, unstable_readConfig: readConfig } = await import('wrangler')
  const config = path.resolve(choice.config ?? path.join(projectRoot, 'wrangler.toml'))
  try {
    const { d1_databases, ...configuration } = v.parse(
      configured,
      readConfig({ config, env: environmentIn(target) }),
    )
    const databases = d1_databases.map((each) => ({ ...each, remote: choice.remote }))
    const own = path.join(temporaryDirectory('bindings'), 'wrangler.json')
    // The databases alone, so that nothing else of the Worker has to be at hand.
    writeFileSync(own, JSON.stringify({ ...configuration, d1_databases: databases }))
    const state = choice['persist-to'] ?? path.join(path.dirname(config), '.wrangler', 'state')
    const { env, dispose } = await getPlatformProxy<Bindings>({
      configPath: own,
      persist: { path: path.resolve(projectRoot, state, 'v3') },
      remoteBindings: choice.remote,
    })
    try {
      const opened = { ...findShards(env), target, close: dispose }
      await requireTables(opened)
      return opened
    } catch (error) {
      await dispose()
      throw error
    }
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(
      `The databases cannot be opened: ${error instanceof Error ? error.message : error}`,
    )
  }
}

/** The same databases have the same name, for the progress that a file keeps. */
export function nameOf(choice: DatabaseChoice): string {
  return targetWith(choice).join(' ')
}

/**
 * What `work` returns, which may be done again: after a pause where the Worker would answer 503, and
 * where another process has the database locked.
 *
 * @throws CommandError where it fails for good, or at every try; the reason of `stop` once it is aborted
 */
export async function patiently<Result>(
  { name, d1 }: Shard,
  target: string[],
  work: (database: Database) => Promise<Result>,
  stop?: AbortSignal,
): Promise<Result> {
  for (const pauseMs of [...PAUSES_MS, undefined]) {
    try {
      // Its 5 s are those of one try.
      return await work(primaryDatabase(d1))
    } catch (error) {
      const reason = reasonOf(error)
      if (NOT_MIGRATED.test(reason)) throw notMigrated(name, target)
      const mayPass = error instanceof UnavailableError || LOCKED.test(reason)
      if (!mayPass || pauseMs === undefined) {
        throw new CommandError(`${name} cannot go on: ${reason}`)
      }
      await sleep(pauseMs, undefined, stop === undefined ? {} : { signal: stop })
    }
  }
  throw new CommandError(`${name} cannot go on`)
}

async function requireTables({ all, target }: OpenDatabases): Promise<void> {
  const select = 'select store_id from associations limit 1'
  for (const database of all) {
    await patiently(database, target, (db) => db.query({ sql: select, values: [] }))
  }
}

/** Of wrangler.toml, where one is named. */
function environmentIn(target: string[]): string | undefined {
  const option = target.indexOf('--env')
  return option < 0 ? undefined : target[option + 1]
}

function targetWith(choice: DatabaseChoice): string[] {
  if (choice.config === '') throw badArgument('--config must name a file')
  const config = choice.config === undefined ? [] : ['--config', path.resolve(choice.config)]
  return [...targetOf(choice), ...config]
}
