// The built Worker in this process's care: Miniflare, a database, keys and tokens, without wrangler.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { primaryDatabase } from '../../src/storage/database.ts'
import { CommandError } from '../lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../lib/directories.ts'
import { openLocalDatabases } from '../lib/local-databases.ts'
import { detailOf, reasonOf } from '../lib/responses.ts'
import { demoKey, type NewKey, storeKey } from '../tokens/application-keys.ts'
import { type LocalSettings, localSettings, readDevVars } from '../tokens/local-settings.ts'
import { type AccessTokenRequest, mintAccessToken, mintAccountToken } from '../tokens/mint.ts'

interface EmbeddedOptions {
  /** Keeps the database and the keys. Absent: a new directory, which `stop` removes. */
  directory?: string | undefined
  /** 0 for a free one. */
  port: number
  /** Settings of the Worker besides its keys. */
  variables: Record<string, unknown>
  /** How long its tokens are good. */
  expiresInSeconds: number
  /** Receives the log line of each request, once this has returned. */
  log?: (line: string) => void
}

export interface Embedded {
  url: string
  key: NewKey
  settings: LocalSettings
  accessToken: (grantType: AccessTokenRequest['grantType']) => Promise<string>
  /** Throws a CommandError if a different issuer signs account tokens. */
  accountToken: (accountId: string) => Promise<string>
  /** Empties every table but that of the application keys. */
  reset: () => Promise<void>
  stop: () => Promise<void>
}

const WORKER = path.join(projectRoot, 'worker', 'app.js')

/** @throws CommandError if the directory cannot be used, or the Worker names a setting that is not good */
export async function serveEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { port, variables, expiresInSeconds, log } = options
  const directory = options.directory ?? temporaryDirectory('embedded')
  try {
    mkdirSync(directory, { recursive: true })
  } catch (error) {
    throw new CommandError(`${directory} cannot hold a database: ${reasonOf(error)}`)
  }
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars, undefined, variables)
  const key = demoKey(settings)
  let ready = false
  const databases = await openLocalDatabases(
    { 'persist-to': directory },
    {
      contents: readFileSync(WORKER, 'utf8'),
      port,
      variables: { ...(await readDevVars(devVars)), ...variables },
      log: (line) => ready && log?.(line),
    },
  )
  const { url, bindings, migrate } = databases
  const stop = async () => {
    await databases.close()
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
  }
  try {
    await migrate()
    await storeKey(primaryDatabase(bindings.DB), key)
    await requireReady(url)
    ready = true
  } catch (error) {
    await stop()
    throw error
  }
  const { clientId, storeId } = key
  return {
    url: url.origin,
    key,
    settings,
    accessToken: (grantType) =>
      mintAccessToken(settings, { grantType, clientId, storeId, expiresInSeconds }),
    accountToken: (accountId) =>
      mintAccountToken(settings, { accountId, memberId: accountId, storeId, expiresInSeconds }),
    reset: () => emptyTables(bindings.DB),
    stop,
  }
}

async function requireReady(url: URL): Promise<void> {
  const response = await fetch(new URL('/readyz', url))
  const body = await response.text()
  if (response.status === 200) return
  throw new CommandError(`The Worker cannot serve: ${detailOf(body) ?? body}`)
}

async function emptyTables(d1: D1Database): Promise<void> {
  const { results } = await d1
    .prepare(
      `select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'
        and name not like 'sqlite\\_%' escape '\\' and name not in ('application_keys', 'd1_migrations')`,
    )
    .all()
  await d1.batch(results.map(({ name }) => d1.prepare(`delete from "${name}"`)))
}
