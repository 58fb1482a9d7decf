// The peers: what a Node engineer would write instead, with the same answers as the service.
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { BuiltWorker } from '../../test/proofs/built-worker.ts'
import { CommandError } from '../../tools/lib/command-line.ts'
import { exitCodeOf, onOutput, startNode } from '../../tools/lib/processes.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import { type Contestant, SERVICE } from '../contestants.ts'
import { CLIENT_ID } from '../operations.ts'
import { newShoppers } from '../shoppers.ts'
import { backendsOf, type Connection, findPostgres } from './postgres.ts'
import { answersOf, requireSameAnswers } from './same-answers.ts'

const HONO = 'Hono on Node, SQLite'
const FASTIFY = 'Fastify, PostgreSQL'

/**
 * Each in a process of its own, once it has answered as the service does.
 *
 * @throws CommandError naming the operation and the member that differs
 */
export async function startPeers(
  worker: BuiltWorker,
  contestants: readonly Contestant[],
  progress: (line: string) => void,
): Promise<Contestant[]> {
  progress('Starting the peers')
  const peers = [await startHono(worker)]
  const found = await findPostgres()
  // On a terminal, the next step would take the place of the line.
  const end = process.stdout.isTTY ? '\n' : ''
  if ('missing' in found) progress(`${FASTIFY}: left out, ${found.missing}${end}`)
  else peers.push(await startFastify(worker, found.connection))

  progress('Comparing the answers of the peers with those of the service')
  const service = contestants.find(({ name }) => name === SERVICE)
  const [shopper] = await newShoppers(worker.settings, 1)
  if (service === undefined || shopper === undefined) throw new Error('There is no service')
  const expected = await answersOf(service, shopper)
  for (const peer of peers) requireSameAnswers(peer.name, expected, await answersOf(peer, shopper))
  return peers
}

async function startHono(worker: BuiltWorker): Promise<Contestant> {
  const DATABASE = path.join(temporaryDirectory('peer'), 'database.sqlite')
  const { url, pid } = await start(HONO, 'hono-sqlite.ts', { ...worker.bindings, DATABASE })
  return { name: HONO, url, pids: [pid] }
}

async function startFastify(worker: BuiltWorker, connection: Connection): Promise<Contestant> {
  const schema = `cart_accounts_bench_${randomBytes(4).toString('hex')}`
  const { url, pid } = await start(FASTIFY, 'fastify-postgres.ts', {
    ...worker.bindings,
    ...connection,
    SCHEMA: schema,
    PGAPPNAME: schema,
    PGOPTIONS: `-c search_path=${schema}`,
  })
  const backends = await backendsOf(connection, schema)
  return { name: FASTIFY, url, pids: backends.length === 0 ? [] : [pid, ...backends] }
}

/** Runs the script until this command ends; it prints a line with its address once it can serve. */
async function start(
  name: string,
  script: string,
  env: Record<string, string>,
): Promise<{ url: string; pid: number }> {
  const file = path.join(import.meta.dirname, script)
  const all = { ...env, CLIENT_ID, NODE_ENV: 'production' }
  const child = startNode(['--', file], all, projectRoot)
  const ready = Promise.withResolvers<string>()
  let printed = ''
  onOutput(child, (text) => {
    printed += text
    const url = /^\{"url":"(.+)"\}$/m.exec(printed)?.[1]
    if (url !== undefined) ready.resolve(url)
  })
  const early = exitCodeOf(child).then(() => {
    throw new CommandError(`${name} could not be started:\n${printed.trim()}`)
  })
  // Once it serves, its end is this command's doing.
  early.catch(() => undefined)
  return { url: await Promise.race([ready.promise, early]), pid: child.pid ?? 0 }
}
