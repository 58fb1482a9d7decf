// The shop beside the local provider: signs a shopper in on two devices, and shows that both have the cart.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beginSignIn, type LocalProvider, type SignIn } from './provider.ts'

export interface TwoDevicesOptions {
  url: string
  /** An application key of it, for access tokens of the implicit grant. */
  clientId: string
  /** The API as the provider knows it. */
  resource: string
}

type Device = 'phone' | 'laptop'

const TITLES = {
  phone: 'The phone associates its cart with the account',
  laptop: 'The laptop lists the carts of the account',
} as const

export function twoDevices(
  provider: LocalProvider,
  options: TwoDevicesOptions,
): Record<string, RequestListener> {
  const started = new Map<string, { device: Device; signIn: SignIn }>()
  const signInOn = (device: Device) => (_request: IncomingMessage, response: ServerResponse) => {
    const signIn = beginSignIn(provider, options.resource)
    started.set(signIn.state, { device, signIn })
    response.writeHead(303, { Location: String(signIn.url) }).end()
  }
  const callback = async ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    const { searchParams } = new URL(url, provider.issuer)
    const known = started.get(searchParams.get('state') ?? '')
    const code = searchParams.get('code')
    if (known === undefined || code === null) {
      response.writeHead(303, { Location: '/' }).end()
      return
    }
    const { access_token: token } = await known.signIn.tokensFor(code)
    send(response, resultOf(known.device, token, await ask(known.device, token, options)))
  }
  return {
    '/': (_request, response) => send(response, START),
    '/phone': signInOn('phone'),
    '/laptop': signInOn('laptop'),
    '/callback': (request, response) => {
      callback(request, response).catch((error: unknown) => send(response, `<p>${escaped(error)}`))
    },
  }
}

/** Asks the Worker as the device, with the provider's token as it is for the account token. */
async function ask(device: Device, token: string, options: TwoDevicesOptions): Promise<string> {
  const { url, clientId } = options
  const body = new URLSearchParams({ grant_type: 'implicit', client_id: clientId })
  const issued = await fetch(new URL('/oauth/access_token', url), { method: 'POST', body })
  const { access_token: accessToken } = Object(await issued.json())
  const headers = {
    'Content-Type': 'application/json',
    Authorization: `Bearer ${accessToken}`,
    'EP-Account-Management-Authentication-Token': token,
  }
  const { account_id: id } = decodeJwt(token)
  const onPhone = device === 'phone'
  const path = onPhone ? `/v2/carts/${randomUUID()}/relationships/accounts` : '/v2/carts'
  const association = { method: 'POST', body: pretty({ data: [{ type: 'account', id }] }) }
  const response = await fetch(new URL(path, url), { headers, ...(onPhone && association) })
  return `${response.status} ${path}\n\n${pretty(await response.json())}`
}

const LINKS = '<p><a href="/phone">Sign in on the phone</a> · <a href="/laptop">on the laptop</a>'
const START = `<h1>One cart, two devices</h1>
<p>Sign in on the phone with any name and any password, then on the laptop with the same name.${LINKS}`

function resultOf(device: Device, token: string, answer: string): string {
  const parts = [decodeProtectedHeader(token), decodeJwt(token)]
  return `<h1>${TITLES[device]}</h1>
<h2>The provider's access token</h2><pre>${escaped(parts.map(pretty).join('\n'))}</pre>
<h2>The Worker's response</h2><pre>${escaped(answer)}</pre>${LINKS}`
}

function send(response: ServerResponse, body: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.end(`<!doctype html><meta name="color-scheme" content="light dark"><title>Two devices</title>
<style>body { font: 1rem system-ui; max-width: 48rem; margin: 2rem auto } pre { overflow: auto }</style>${body}`)
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function escaped(text: unknown): string {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
