// The PostgreSQL of this machine, where one answers, and its processes that work for a peer.
import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Client } from 'pg'

/** The variables that say which server, to this process and to those it starts. */
export type Connection = Record<'PGHOST' | 'PGUSER', string>

const PATIENCE_MS = 2_000

/** Where PostgreSQL is, or why there is none to use. */
export async function findPostgres(): Promise<{ connection: Connection } | { missing: string }> {
  const connection = connectionOf(process.env)
  const where = `PostgreSQL at ${connection.PGHOST}, user ${connection.PGUSER}`
  try {
    const [row] = await query<{ may: boolean }>(
      connection,
      "select has_database_privilege(current_database(), 'create') as may",
    )
    return row?.may === true ? { connection } : { missing: `${where}, may make no schema` }
  } catch (error) {
    return { missing: `${where}: ${reasonOf(error)}` }
  }
}

/**
 * The processes of the server behind the connections of this application; none where they cannot be
 * told, as where the server is on another machine or in a container.
 */
export async function backendsOf(connection: Connection, application: string): Promise<number[]> {
  const rows = await query<{ pid: number }>(
    connection,
    'select pid from pg_stat_activity where application_name = $1',
    [application],
  )
  const pids = rows.map(({ pid }) => pid)
  return pids.every(isBackend) ? pids : []
}

async function query<Row extends object>(
  { PGHOST: host, PGUSER: user }: Connection,
  text: string,
  values: string[] = [],
): Promise<Row[]> {
  const patience = { connectionTimeoutMillis: PATIENCE_MS, query_timeout: PATIENCE_MS }
  const client = new Client({ host, user, ...patience })
  // A connection that breaks once it is there is told of by the query, too.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<Row>(text, values)
    return rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** As libpq takes them where nothing is set: a socket of this machine, and the user of the system. */
function connectionOf({ PGHOST, PGUSER, PGPORT = '5432' }: NodeJS.ProcessEnv): Connection {
  const sockets = ['/var/run/postgresql', '/tmp']
  const socket = sockets.find((directory) => existsSync(`${directory}/.s.PGSQL.${PGPORT}`))
  return { PGHOST: PGHOST ?? socket ?? 'localhost', PGUSER: PGUSER ?? userInfo().username }
}

/** Whether that number is a server process of PostgreSQL here, too. */
function isBackend(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('postgres: ')
  } catch {
    return false
  }
}

/** One error for each address that was tried has its words in the first of them. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}
