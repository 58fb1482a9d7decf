// A client of the Worker, as a shopper or as a server, over keep-alive connections.
import http from 'node:http'
import { text } from 'node:stream/consumers'
import * as v from 'valibot'
import { LIMIT } from '../../src/limits.ts'
import { CommandError } from '../../tools/lib/command-line.ts'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../../tools/tokens/mint.ts'

const PATIENCE_MS = 30_000
// Avoids Node's fetch, which closes the connection after every DELETE with a body.
const agent = new http.Agent({ keepAlive: true })
const STORE = 'proofs'
const expiresInSeconds = 24 * 60 * 60

/** The caller: an account, if it is a shopper, and the headers with its tokens. */
export interface Caller {
  /** The shopper's account; `undefined` for a server. */
  account: string | undefined
  headers: Record<string, string>
}

/** What a request asks for. The `cart` of a list of carts has no meaning. */
export interface Asked {
  action:
    | ('associate' | 'dissociate' | 'create' | 'remove' | 'invite')
    | ('access' | 'list accounts' | 'get cart' | 'list carts')
  cart: string
  accounts: readonly string[]
}

/** A response, and the ids of the accounts or the carts that it names. */
export interface Answer {
  status: number
  named: string[]
}

/** Thrown if no response came: the request may have been carried out, or not. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError'
}

const identifiers = v.pipe(
  v.array(v.object({ id: v.string() })),
  v.transform((resources) => resources.map(({ id }) => id)),
)
const nothing = v.pipe(
  v.literal(''),
  v.transform((): string[] => []),
)
const accountsDocument = v.pipe(
  v.object({ data: identifiers }),
  v.transform(({ data }) => data),
)
const cartDocument = v.pipe(
  v.object({
    data: v.object({ relationships: v.object({ accounts: v.object({ data: identifiers }) }) }),
  }),
  v.transform(({ data }) => data.relationships.accounts.data),
)
const accessDocument = v.pipe(
  v.object({ data: v.object({ access: v.string() }) }),
  v.transform(({ data }) => [data.access]),
)
const listDocument = v.object({
  data: identifiers,
  meta: v.object({ results: v.object({ total: v.number() }) }),
})
const invitationDocument = v.object({ data: v.object({ token: v.string() }) })

export async function asServer(settings: LocalSettings, storeId = STORE): Promise<Caller> {
  const request = { storeId, expiresInSeconds, clientId: 'server' }
  const token = await mintAccessToken(settings, { ...request, grantType: 'client_credentials' })
  return { account: undefined, headers: { Authorization: `Bearer ${token}` } }
}

export async function asShopper(
  settings: LocalSettings,
  account: string,
  storeId = STORE,
): Promise<Caller> {
  const common = { storeId, expiresInSeconds }
  const client = { grantType: 'implicit', clientId: 'storefront' } as const
  const access = await mintAccessToken(settings, { ...common, ...client })
  const member = { accountId: account, memberId: `member-of-${account}` }
  const headers = {
    Authorization: `Bearer ${access}`,
    'EP-Account-Management-Authentication-Token': await mintAccountToken(settings, {
      ...common,
      ...member,
    }),
  }
  return { account, headers }
}

/** @throws UnansweredError */
export async function ask(
  url: string,
  caller: Caller,
  { action, cart, accounts }: Asked,
): Promise<Answer> {
  const path = `/v2/carts/${cart}`
  const relationship = `${path}/relationships/accounts`
  const [account = ''] = accounts
  const document = { data: accounts.map((id) => ({ type: 'account', id })) }
  const asked = (method: string, path: string, body?: object) =>
    send(url, caller, method, path, body)
  switch (action) {
    case 'associate':
      return answerTo(await asked('POST', relationship, document), accountsDocument)
    case 'dissociate':
      return answerTo(await asked('DELETE', relationship, document), nothing)
    case 'create':
      return answerTo(await asked('POST', '/v2/carts', { data: { id: cart } }), cartDocument)
    case 'remove':
      return answerTo(await asked('DELETE', path), nothing)
    case 'invite':
      return { status: (await invite(url, caller, cart, 'shared')).status, named: [] }
    case 'access':
      return answerTo(await asked('GET', `${path}/access?account_id=${account}`), accessDocument)
    case 'list accounts':
      return await listAll(url, caller, relationship, {})
    case 'get cart':
      return answerTo(await asked('GET', path), cartDocument)
    case 'list carts': {
      const filter = `contains(account_ids,"${account}")`
      return await listAll(url, caller, '/v2/carts', caller.account === undefined ? { filter } : {})
    }
  }
}

/**
 * Returns the token too, which is empty if there is none.
 *
 * @throws UnansweredError
 */
export async function invite(
  url: string,
  caller: Caller,
  cart: string,
  claim: 'shared' | 'unclaimed',
): Promise<{ status: number; token: string }> {
  const document = { data: { type: 'cart_invitation', claim } }
  const path = `/v2/carts/${cart}/invitations`
  const { status, body } = await send(url, caller, 'POST', path, document)
  return { status, token: status === 201 ? v.parse(invitationDocument, body).data.token : '' }
}

/**
 * Associates the carts of a shopper in turn, one POST after the other, as long as something else runs;
 * returns milliseconds.
 *
 * @throws CommandError
 */
export async function postsBeside(
  running: Promise<unknown>,
  url: string,
  shopper: Caller,
  carts: readonly string[],
  least = 0,
): Promise<number[]> {
  const milliseconds: number[] = []
  const state = { isOver: false }
  const ending = running.finally(() => {
    state.isOver = true
  })
  while (!state.isOver || milliseconds.length < least) {
    const startedAt = performance.now()
    const cart = carts[milliseconds.length % carts.length] ?? ''
    const accounts = [shopper.account ?? '']
    const { status } = await ask(url, shopper, { action: 'associate', cart, accounts })
    if (status !== 200 && status !== 204) throw new CommandError(`A shopper's POST is ${status}`)
    milliseconds.push(performance.now() - startedAt)
  }
  await ending
  return milliseconds
}

interface Received {
  status: number
  body: unknown
}

/** A refusal names nothing. */
function answerTo(
  { status, body }: Received,
  document: v.GenericSchema<unknown, string[]>,
): Answer {
  if (status === 204) return { status, named: v.parse(nothing, body) }
  return { status, named: status < 300 ? v.parse(document, body) : [] }
}

/** Reads every page of a list. Only a list of one page is one atomic read. */
async function listAll(
  url: string,
  caller: Caller,
  path: string,
  filter: Record<string, string>,
): Promise<Answer> {
  const named: string[] = []
  for (;;) {
    const page = { 'page[limit]': String(LIMIT.max), 'page[offset]': String(named.length) }
    const query = new URLSearchParams({ ...filter, ...page })
    const { status, body } = await send(url, caller, 'GET', `${path}?${query}`)
    if (status !== 200) return { status, named: [] }
    const { data, meta } = v.parse(listDocument, body)
    named.push(...data)
    const { total } = meta.results
    if (data.length === LIMIT.max && named.length < total) continue
    if (named.length === total) return { status, named }
    throw new Error(`meta.results.total is ${total} where ${named.length} are listed`)
  }
}

async function send(
  url: string,
  { headers }: Caller,
  method: string,
  path: string,
  document?: object,
): Promise<Received> {
  const body = document && JSON.stringify(document)
  const describedBody = body && {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
  }
  const options = { method, agent, timeout: PATIENCE_MS, headers: { ...headers, ...describedBody } }
  const request = http.request(new URL(path, url), options)
  request.once('timeout', () => request.destroy(new Error('Nothing came for 30 s')))
  request.end(body)
  const { status, content } = await received(request).catch((error: unknown) => {
    throw new UnansweredError(String(error))
  })
  return { status, body: content && JSON.parse(content) }
}

/** A connection that breaks within the body counts as no response, too. */
async function received(request: http.ClientRequest): Promise<{ status: number; content: string }> {
  const response = Promise.withResolvers<http.IncomingMessage>()
  request.once('response', response.resolve).on('error', response.reject)
  const answer = await response.promise
  return { status: answer.statusCode ?? 0, content: await text(answer) }
}
