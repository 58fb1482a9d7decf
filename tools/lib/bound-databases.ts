// The databases of wrangler.toml as D1 bindings in Node: on this machine, or deployed.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bindings } from '../../src/bindings.ts'
import { reasonOf, UnavailableError } from '../../src/errors.ts'
import { type Database, primaryDatabase } from '../../src/storage/database.ts'
import { findShards, type Shard, type Shards } from '../../src/storage/shards.ts'
import { badArgument, CommandError, environmentOf, environmentOption } from './command-line.ts'
import { temporaryDirectory } from './directories.ts'
import { openLocalDatabases } from './local-databases.ts'
import { QUIET } from './wrangler.ts'
import { findEnvironment, readEnvironments } from './wrangler-toml.ts'

/** The options that choose databases. */
export const whichDatabases = {
  remote: { type: 'boolean', default: false },
  env: { type: 'string' },
  'persist-to': { type: 'string' },
  config: { type: 'string' },
} as const

export interface DatabaseChoice {
  remote: boolean
  env?: string
  'persist-to'?: string
  config?: string
}

export interface OpenDatabases extends Shards {
  /** The shard that holds the application keys too. */
  main: Shard
  /**
   * Returns what `work` returns. Repeats it after a pause if the Worker would answer 503, or if the
   * database is locked by some other process.
   *
   * @throws CommandError if it fails for good, or at every try; the reason of `stop` once it is aborted
   */
  patiently: <Result>(
    shard: Shard,
    work: (database: Database) => Promise<Result>,
    stop?: AbortSignal,
  ) => Promise<Result>
  close: () => Promise<void>
}

const NOT_MIGRATED = /no such table/
// workerd does not wait for a lock.
const LOCKED = /database is locked|Failed to get session commit token/
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000]

/**
 * Opens all of them, and checks that each has its tables.
 *
 * @throws CommandError saying what to do first
 */
export async function openDatabases(choice: DatabaseChoice): Promise<OpenDatabases> {
  const target = targetOf(choice)
  try {
    const opened = await (choice.remote ? openDeployed(choice) : openLocalDatabases(choice))
    const { bindings, close } = opened
    try {
      const databases: OpenDatabases = {
        ...findShards(bindings),
        main: { name: 'DB', d1: bindings.DB },
        patiently: (shard, work, stop) => patiently(shard, target, work, stop),
        close,
      }
      const sql = 'select store_id from associations limit 1'
      for (const shard of databases.all) {
        await databases.patiently(shard, (database) => database.query({ sql, values: [] }))
      }
      return databases
    } catch (error) {
      await close()
      throw error
    }
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(
      `The databases cannot be opened: ${error instanceof Error ? error.message : error}`,
    )
  }
}

async function openDeployed(choice: DatabaseChoice) {
  const environment = findEnvironment(readEnvironments(choice.config), environmentOf(choice))
  const { name, account_id, compatibility_date, vars, d1_databases } = environment
  const file = path.join(temporaryDirectory('bindings'), 'wrangler.json')
  const databases = d1_databases.map((each) => ({ ...each, remote: true }))
  // Without the Worker's other bindings, which need not exist for this.
  const own = { name, account_id, compatibility_date, vars, d1_databases: databases }
  writeFileSync(file, JSON.stringify(own))
  Object.assign(process.env, QUIET, { WRANGLER_LOG: 'error' })
  // A second to load, which nothing else waits for.
  const { getPlatformProxy } = await import('wrangler')
  const options = { configPath: file, persist: false, remoteBindings: true }
  const proxy = await getPlatformProxy<Bindings>(options)
  return { bindings: proxy.env, close: proxy.dispose }
}

async function patiently<Result>(
  shard: Shard,
  target: string[],
  work: (database: Database) => Promise<Result>,
  stop: AbortSignal | undefined,
  [pauseMs, ...laterMs] = PAUSES_MS,
): Promise<Result> {
  const { name, d1 } = shard
  try {
    // A new one for each try, which may take 5 s.
    return await work(primaryDatabase(d1))
  } catch (error) {
    const reason = reasonOf(error)
    if (NOT_MIGRATED.test(reason)) {
      const apply = `npx wrangler d1 migrations apply ${name} ${target.join(' ')}`
      throw new CommandError(`The database is not migrated. Run: ${apply}`)
    }
    const mayPass = error instanceof UnavailableError || LOCKED.test(reason)
    if (!mayPass || pauseMs === undefined) throw new CommandError(`${name} cannot go on: ${reason}`)
    await sleep(pauseMs, undefined, stop === undefined ? {} : { signal: stop })
    return await patiently(shard, target, work, stop, laterMs)
  }
}

/** The arguments that choose these databases for wrangler. */
export function targetOf(choice: DatabaseChoice): string[] {
  const { remote, env, 'persist-to': directory, config } = choice
  if (!remote && env !== undefined) {
    throw badArgument('--env names a deployed environment, and needs --remote beside it')
  }
  if (remote && directory !== undefined) {
    throw badArgument('--persist-to names a local database, and --remote asks for the other')
  }
  if (directory === '') throw badArgument('--persist-to must name a directory')
  if (config === '') throw badArgument('--config must name a file')
  const file = config === undefined ? [] : ['--config', path.resolve(config)]
  if (remote) return ['--remote', ...environmentOption(environmentOf(choice)), ...file]
  return ['--local', ...(directory === undefined ? [] : ['--persist-to', directory]), ...file]
}
