// Whether this Worker can serve: its settings are good and each database replies.
import { waitUntil } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import type { Bindings } from './bindings.ts'
import { SettingsError, serviceUnavailable } from './errors.ts'
import { loadSettings } from './settings.ts'
import { kindOf } from './storage/d1-errors.ts'
import { type Database, primaryDatabase } from './storage/database.ts'
import { prepareSql } from './storage/queries.ts'
import { applicationKeys, associations } from './storage/schema.ts'
import type { Shard, Shards } from './storage/shards.ts'

/** How long a result is kept. */
const FRESH_MS = 5_000
/** A probe takes 5 s at most, unless its request was killed. */
const STUCK_MS = 5_000

/** A database that was asked, and what it failed with. */
interface Reply {
  name: string
  db: Database
  error?: unknown
}

interface Probe {
  /** The first database that fails, or else the first of all. */
  reply: Promise<Reply | undefined>
  startedAt: number
  endedAt: number | undefined
}

const probes = new WeakMap<Bindings, Probe>()

/**
 * Probes all databases at once. Requests share a probe and its result, so that strangers cannot make
 * it a load. Calls `open` with a database that this very request has asked, for the log. Returns the
 * digest of the placement, if stores are placed.
 *
 * @throws ApiError 503 naming the setting or the binding that fails
 */
export async function requireReadiness(
  bindings: Bindings,
  open: (db: Database) => void,
): Promise<string | undefined> {
  const { shards } = await loadSettings(bindings).catch((error: unknown) => {
    if (error instanceof SettingsError) throw serviceUnavailable(error.message, error)
    throw error
  })
  const known = currentProbe(bindings)
  const reply = await (known ?? startProbe(bindings, shards)).reply
  if (reply === undefined) return shards.digest
  const { name, db, error } = reply
  if (known === undefined) open(db)
  if (error !== undefined) throw serviceUnavailable(`${name} ${adviceFor(error)}`, error)
  return shards.digest
}

/** Returns the probe that runs, or that has ended a moment ago. */
function currentProbe(bindings: Bindings): Probe | undefined {
  const probe = probes.get(bindings)
  if (probe === undefined) return undefined
  const { startedAt, endedAt = startedAt + STUCK_MS } = probe
  return Date.now() < endedAt + FRESH_MS ? probe : undefined
}

function startProbe(bindings: Bindings, { all }: Shards): Probe {
  const probe: Probe = { reply: askAll(all), startedAt: Date.now(), endedAt: undefined }
  probes.set(bindings, probe)
  const ended = probe.reply.then(() => {
    probe.endedAt = Date.now()
  })
  // Other requests wait for it too, so it outlives the request that started it.
  waitUntil(ended)
  return probe
}

async function askAll(shards: readonly Shard[]): Promise<Reply | undefined> {
  const replies = await Promise.all(shards.map(ask))
  return replies.find(({ error }) => error !== undefined) ?? replies[0]
}

async function ask({ name, d1 }: Shard): Promise<Reply> {
  const db = primaryDatabase(d1)
  try {
    await db.query(readTables({}))
    return { name, db }
  } catch (error) {
    return { name, db, error }
  }
}

/** Reads one row at most of each table, and fails if a table is missing. */
const readTables = prepareSql(sql`
  select exists (select 1 from ${associations}), exists (select 1 from ${applicationKeys})`)

function adviceFor(error: unknown): string {
  if (kindOf(error) !== 'lasting') return 'must answer, with every migration applied'
  return 'cannot answer: an export or an import runs, it is full, or a daily limit is reached'
}
