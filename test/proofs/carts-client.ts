// A client of the Worker, as a shopper or as a server, over keep-alive connections.
import http, { type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import * as v from 'valibot'
import { LIMIT } from '../../src/limits.ts'
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

/** A response, and the ids of the accounts or the carts that it names. */
export interface Answer {
  status: number
  named: string[]
}

/** Thrown if no response came: the request may have been carried out, or not. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError'
}

const identifiers = v.array(v.object({ id: v.string() }))
const accountsDocument = v.object({ data: identifiers })
const accessDocument = v.object({ data: v.object({ access: v.string() }) })
const invitationDocument = v.object({ data: v.object({ token: v.string() }) })
const listDocument = v.object({
  data: identifiers,
  meta: v.object({ results: v.object({ total: v.number() }) }),
})
const cartDocument = v.object({
  data: v.object({ relationships: v.object({ accounts: v.object({ data: identifiers }) }) }),
})

export async function asServer(settings: LocalSettings, storeId = STORE): Promise<Caller> {
  const request = {
    storeId,
    expiresInSeconds,
    grantType: 'client_credentials',
    clientId: 'server',
  } as const
  const token = await mintAccessToken(settings, request)
  return { account: undefined, headers: { Authorization: `Bearer ${token}` } }
}

export async function asShopper(
  settings: LocalSettings,
  account: string,
  storeId = STORE,
): Promise<Caller> {
  const request = {
    storeId,
    expiresInSeconds,
    grantType: 'implicit',
    clientId: 'storefront',
  } as const
  const access = await mintAccessToken(settings, request)
  const token = await mintAccountToken(settings, {
    storeId,
    expiresInSeconds,
    accountId: account,
    memberId: `member-of-${account}`,
  })
  return {
    account,
    headers: {
      Authorization: `Bearer ${access}`,
      'EP-Account-Management-Authentication-Token': token,
    },
  }
}

/** @throws UnansweredError */
export async function associate(
  url: string,
  caller: Caller,
  cart: string,
  accounts: readonly string[],
): Promise<Answer> {
  const sent = documentOf(accounts)
  const { status, body } = await send(url, caller, 'POST', pathOfAccounts(cart), sent)
  if (status !== 200) return { status, named: [] }
  return { status, named: idsOf(v.parse(accountsDocument, body).data) }
}

/** @throws UnansweredError */
export async function dissociate(
  url: string,
  caller: Caller,
  cart: string,
  accounts: readonly string[],
): Promise<Answer> {
  const { status } = await send(url, caller, 'DELETE', pathOfAccounts(cart), documentOf(accounts))
  return { status, named: [] }
}

/** @throws UnansweredError */
export async function createCart(url: string, caller: Caller, cart: string): Promise<Answer> {
  const { status, body } = await send(url, caller, 'POST', '/v2/carts', { data: { id: cart } })
  return { status, named: status === 200 || status === 201 ? accountsIn(body) : [] }
}

/** @throws UnansweredError */
export async function removeCart(url: string, caller: Caller, cart: string): Promise<Answer> {
  const { status } = await send(url, caller, 'DELETE', `/v2/carts/${cart}`)
  return { status, named: [] }
}

/** @throws UnansweredError */
export async function listAccounts(url: string, caller: Caller, cart: string): Promise<Answer> {
  return await listAll(url, caller, pathOfAccounts(cart), {})
}

/** @throws UnansweredError */
export async function listCarts(url: string, caller: Caller, account: string): Promise<Answer> {
  const filter = `contains(account_ids,"${account}")`
  return await listAll(url, caller, '/v2/carts', caller.account === undefined ? { filter } : {})
}

/** @throws UnansweredError */
export async function getCart(url: string, caller: Caller, cart: string): Promise<Answer> {
  const { status, body } = await send(url, caller, 'GET', `/v2/carts/${cart}`)
  return { status, named: status === 200 ? accountsIn(body) : [] }
}

/** @throws UnansweredError */
export async function accessTo(
  url: string,
  caller: Caller,
  cart: string,
  account: string,
): Promise<Answer> {
  const path = `/v2/carts/${cart}/access?account_id=${account}`
  const { status, body } = await send(url, caller, 'GET', path)
  return { status, named: status === 200 ? [v.parse(accessDocument, body).data.access] : [] }
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
): Promise<Answer & { token: string }> {
  const document = { data: { type: 'cart_invitation', claim } }
  const { status, body } = await send(
    url,
    caller,
    'POST',
    `/v2/carts/${cart}/invitations`,
    document,
  )
  const token = status === 201 ? v.parse(invitationDocument, body).data.token : ''
  return { status, named: [], token }
}

function accountsIn(cart: unknown): string[] {
  return idsOf(v.parse(cartDocument, cart).data.relationships.accounts.data)
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
    named.push(...idsOf(data))
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
): Promise<{ status: number; body: unknown }> {
  const body = document && JSON.stringify(document)
  const describedBody = body && {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
  }
  const options = { method, agent, timeout: PATIENCE_MS, headers: { ...headers, ...describedBody } }
  const answered = Promise.withResolvers<IncomingMessage>()
  const request = http.request(new URL(path, url), options, answered.resolve)
  request.once('timeout', () => request.destroy(new Error('Nothing came for 30 s')))
  request.on('error', answered.reject)
  request.end(body)
  const { status, content } = await answered.promise
    .then(async (response) => ({
      status: response.statusCode ?? 0,
      content: await text(response),
    }))
    // A connection that breaks within the body counts as no response, too.
    .catch((error: unknown) => {
      throw new UnansweredError(String(error))
    })
  return { status, body: content && JSON.parse(content) }
}

function pathOfAccounts(cart: string): string {
  return `/v2/carts/${cart}/relationships/accounts`
}

function documentOf(accounts: readonly string[]): object {
  return { data: accounts.map((id) => ({ type: 'account', id })) }
}

function idsOf(resources: { id: string }[]): string[] {
  return resources.map(({ id }) => id)
}
