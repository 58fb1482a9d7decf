// A request as code to paste: for a shell, for fetch, and for Elastic Path's SDK.
import * as v from 'valibot'
import type { SentRequest } from './exchange.ts'

const ACCOUNT_TOKEN = 'EP-Account-Management-Authentication-Token'
const CART = /^\/v2\/carts\/([\w-]+)(\/relationships\/accounts)?$/

const relationships = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ data: v.tuple([v.object({ id: v.string() })]) }),
)

export function curlOf({ method, url, headers, body }: SentRequest): string {
  return [
    `curl -i -X ${method} ${quoted(url)}`,
    ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`--data-raw ${quoted(body)}`]),
  ].join(' \\\n  ')
}

export function fetchOf({ method, url, headers, body }: SentRequest): string {
  const init = {
    method,
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    ...(body !== undefined && { body }),
  }
  return [
    `const response = await fetch(${JSON.stringify(url)}, ${JSON.stringify(init, null, 2)})`,
    '',
    'console.log(response.status, await response.text())',
    '',
  ].join('\n')
}

/** For `@elasticpath/js-sdk`; undefined if it has no call for the request. */
export function sdkOf(request: SentRequest, clientId: string): string | undefined {
  const accountToken = request.headers.find(([name]) => name === ACCOUNT_TOKEN)?.[1]
  const call = callOf(request, accountToken)
  if (call === undefined) return undefined
  const { host, protocol } = new URL(request.url)
  const config = {
    client_id: clientId,
    host,
    protocol: protocol.replace(':', ''),
    ...(call.needsHeader && { headers: { [ACCOUNT_TOKEN]: accountToken } }),
  }
  const members = JSON.stringify(config, null, 2).replace(/\n}$/, ',\n  "storage": new Map()\n}')
  return [
    "import { gateway } from '@elasticpath/js-sdk'",
    '',
    `const client = gateway(${members})`,
    '',
    `console.log(await client.${call.code})`,
    '',
  ].join('\n')
}

interface Call {
  code: string
  /** Whether the account token is a header of the client: the call does not take it. */
  needsHeader: boolean
}

function callOf(request: SentRequest, accountToken: string | undefined): Call | undefined {
  const { pathname } = new URL(request.url)
  const { method, body = '' } = request
  if (pathname === '/oauth/access_token') return { code: 'Authenticate()', needsHeader: false }
  if (accountToken === undefined) return undefined
  if (pathname === '/v2/carts') return { code: 'Cart().GetCartsList()', needsHeader: true }
  const [, cartId, relationship] = CART.exec(pathname) ?? []
  if (cartId === undefined) return undefined
  const cart = `Cart(${JSON.stringify(cartId)})`
  if (relationship === undefined) return { code: `${cart}.Get()`, needsHeader: true }
  const name = { POST: 'AddAccountAssociation', DELETE: 'RemoveAccountAssociation' }[method]
  const accounts = v.safeParse(relationships, body)
  if (name === undefined || !accounts.success) return undefined
  const [{ id }] = accounts.output.data
  const args = [id, accountToken].map((argument) => JSON.stringify(argument)).join(', ')
  return { code: `${cart}.${name}(${args})`, needsHeader: false }
}

/** In single quotes, as a POSIX shell reads them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
