// npm run prove load: what strangers cost the one database and the memory, and a shopper beside them.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { SignJWT } from 'jose'
import * as v from 'valibot'
import {
  badArgument,
  CommandError,
  grouped,
  parseOptions,
  table,
} from '../../tools/lib/command-line.ts'
import { checkNotStopped } from '../../tools/lib/processes.ts'
import { quantile } from '../lib/options.ts'
import { type BuiltWorker, buildWorker, type Serving } from './built-worker.ts'
import { asShopper, type Caller, postsBeside } from './carts-client.ts'
import { type Memory, openMemory } from './worker-memory.ts'

/** One of the Workers that are compared. */
interface Measured {
  name: string
  bundle: string
}

interface Attack {
  title: string
  requests: number
  send: (url: string) => Promise<Response>
}

/** What an attack costs the Worker at this address. */
interface Cost {
  url: string
  queries: number
  statuses: Map<number, number>
  /** Milliseconds of each POST of a shopper meanwhile. */
  latencies: number[]
}

const ROUNDS = 4
/** Requests of strangers under way at once. */
const CONNECTIONS = 8
/** POSTs of the shopper in a round, at least. */
const MIN_POSTS = 50
/** How many of a hundred requests may make the database work. */
const MAX_PERCENT = 2
const FAT_TOKENS = 2_200
/** The longest token that is kept. */
const MAX_LENGTH = 2_048
const EMPTY_OBJECTS = 368
/** Growth of the heap: 2,000 texts of 2,048 characters, and as much again. */
const MAX_GROWTH_MB = 8
const SECRET_DIGEST = createHash('sha256').update('right').digest('hex')
const LIMITS = { SHOPPER_RATE_LIMIT: 600_000, TOKEN_RATE_LIMIT: 1_200, FAILURE_RATE_LIMIT: 300 }
const KEY = `insert into application_keys (client_id, store_id, name, secret_digest, created_at)
  values ('storefront', 'proofs', 'Load', '${SECRET_DIGEST}', 0)`

const ATTACKS: readonly Attack[] = [
  { title: 'nothing', requests: 0, send: (url) => fetch(url) },
  { title: 'GET /readyz', requests: 1_000, send: (url) => fetch(new URL('/readyz', url)) },
  { title: 'implicit grants', requests: 2_000, send: (url) => grant(url, 'implicit') },
  {
    title: 'wrong secrets',
    requests: 400,
    send: (url) => grant(url, 'client_credentials&client_secret=wrong'),
  },
]

/** @throws CommandError if strangers make the database work */
export async function load(args: string[]): Promise<void> {
  const { values } = parseOptions(args, { against: { type: 'string' } })
  const { against } = values
  if (against !== undefined && !existsSync(path.join(against, 'app.js'))) {
    throw badArgument('--against must name a directory with app.js, as wrangler deploy --outdir')
  }
  const worker = await buildWorker('load')
  const workers: Measured[] = [{ name: 'now', bundle: worker.bundle }]
  if (against !== undefined) {
    workers.unshift({ name: 'before', bundle: path.resolve(against, 'app.js') })
  }
  const busy = await attackAll(worker, workers)
  const tokens = await fatTokens(worker)
  let growth = 0
  for (const { name, bundle } of workers) {
    const [before, after] = await memoryOf(await serve(worker, `${name}-fat`, bundle), tokens)
    growth = after.heap - before.heap
    const sizes = (['heap', 'workerd'] as const).map(
      (each) => `${each} from ${before[each].toFixed(1)} to ${after[each].toFixed(1)} MB`,
    )
    process.stdout.write(`${grouped(FAT_TOKENS)} fat tokens, ${name}: ${sizes.join(', ')}\n`)
  }
  if (busy.length > 0) throw new CommandError(`The database works for ${busy.join(' and ')}`)
  if (growth > MAX_GROWTH_MB) throw new CommandError('The claims of tokens are kept')
}

/** Prints what each attack costs; returns those that make the last Worker's database work. */
async function attackAll(worker: BuiltWorker, workers: readonly Measured[]): Promise<string[]> {
  const shopper = await asShopper(worker.settings, randomUUID())
  const urls: string[] = []
  for (const { name, bundle } of workers) urls.push((await serve(worker, name, bundle)).url)
  const heads = workers.flatMap(({ name }) => [`queries ${name}`, 'POST p50', 'responses'])
  const rows = [['strangers send', ...heads]]
  const busy: string[] = []
  for (const attack of ATTACKS) {
    const { title, requests } = attack
    const costs = await attackInTurn(urls, attack, shopper)
    rows.push([requests === 0 ? title : `${grouped(requests)} ${title}`, ...costs.flatMap(cells)])
    const { queries = 0 } = costs.at(-1) ?? {}
    if (queries * 100 > requests * MAX_PERCENT) busy.push(title)
  }
  process.stdout.write(table(rows))
  return busy
}

async function serve(worker: BuiltWorker, database: string, bundle: string): Promise<Serving> {
  const counting = path.join(import.meta.dirname, 'workers/counting.ts')
  return await worker.serve({
    modules: [counting, bundle],
    database,
    log: 'discard',
    limits: LIMITS,
    inspector: 'on',
    statements: [KEY],
  })
}

/** All Workers take turns, so that a busy machine slows each of them down. */
async function attackInTurn(
  urls: readonly string[],
  attack: Attack,
  shopper: Caller,
): Promise<Cost[]> {
  const costs = urls.map((url): Cost => {
    return { url, queries: 0, statuses: new Map(), latencies: [] }
  })
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const cost of costs) {
      const before = await queriesOf(cost.url)
      const strangers = attackOnce(cost.url, attack, cost.statuses)
      cost.latencies.push(...(await postsBeside(strangers, cost.url, shopper, ['cart'], MIN_POSTS)))
      cost.queries += (await queriesOf(cost.url)) - before
      checkNotStopped()
    }
  }
  return costs
}

/** A share of the requests. */
async function attackOnce(
  url: string,
  { requests, send }: Attack,
  statuses: Cost['statuses'],
): Promise<void> {
  let left = requests / ROUNDS
  const stranger = async () => {
    while (left > 0) {
      left -= 1
      const response = await send(url)
      await response.arrayBuffer()
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, stranger))
}

async function grant(url: string, grantType: string): Promise<Response> {
  return await fetch(new URL('/oauth/access_token', url), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      'CF-Connecting-IP': '192.0.2.1',
    },
    body: `client_id=storefront&grant_type=${grantType}`,
  })
}

async function queriesOf(url: string): Promise<number> {
  const response = await fetch(new URL('/queries', url))
  return v.parse(v.number(), await response.json())
}

function cells({ queries, statuses, latencies }: Cost): string[] {
  const responses = [...statuses].map(([status, times]) => `${grouped(times)} x ${status}`)
  return [
    grouped(queries),
    `${quantile(latencies, 0.5).toFixed(1)} ms`,
    responses.join(', ') || '-',
  ]
}

/** Valid tokens with a claim that takes as much memory as its length allows: a list of empty objects. */
async function fatTokens({ settings }: BuiltWorker): Promise<string[]> {
  const { issuer, audience, signingKey } = settings
  const claims = {
    store_id: 'proofs',
    grant_type: 'client_credentials',
    fat: Array.from({ length: EMPTY_OBJECTS }, () => ({})),
  }
  const mint = () =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: signingKey.alg, kid: signingKey.kid, typ: 'at+jwt' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(randomUUID())
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(signingKey.key)
  const tokens = await Promise.all(Array.from({ length: FAT_TOKENS }, mint))
  const [longest = 0] = tokens.map(({ length }) => length).toSorted((a, b) => b - a)
  if (longest > MAX_LENGTH) throw new CommandError(`A token of ${longest} characters is not kept`)
  return tokens
}

/** What the tokens leave behind in a Worker that has done nothing else. */
async function memoryOf(
  serving: Serving,
  tokens: readonly string[],
): Promise<[before: Memory, after: Memory]> {
  const { url } = serving
  const measure = await openMemory(serving)
  // 400 without a query: the caller is known, and names no account.
  const send = async (token: string) => {
    const headers = { Authorization: `Bearer ${token}` }
    const response = await fetch(new URL('/v2/carts', url), { headers })
    await response.arrayBuffer()
    if (response.status !== 400)
      throw new CommandError(`A fat token is answered ${response.status}`)
  }
  await send(tokens[0] ?? '')
  const before = await measure()
  for (const token of tokens) await send(token)
  const after = await measure()
  await serving.kill()
  return [before, after]
}
