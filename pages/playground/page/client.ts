// Sends the requests of one device, with its access token, its bookmark, and its shopper's token.
import * as v from 'valibot'
import type { Answer, Exchange, SentRequest } from './exchange.ts'
import type { Memory } from './memory.ts'
import type { Account } from './session.ts'

/** No answer came: the Worker does not run. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

export interface Asked {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  /** Who asks; if undefined, no token is sent. */
  account: Account | undefined
  json?: unknown
}

export interface AskOptions {
  clientId: string
  memory: Pick<Memory, 'accessToken' | 'bookmark'>
  record: (exchange: Exchange) => void
}

/**
 * Sends one request, and fetches an access token first if it needs one.
 *
 * @throws Unreachable
 */
export type Ask = (asked: Asked) => Promise<Answer>

const issued = v.pipe(v.string(), v.parseJson(), v.object({ access_token: v.string() }))

export function createAsk({ clientId, memory, record }: AskOptions): Ask {
  async function ask(asked: Asked): Promise<Answer> {
    const hadToken = memory.accessToken !== undefined
    const answer = await attempt(asked)
    // A token of an earlier request may have expired; a token that was just issued has not.
    if (answer.status !== 401 || !hadToken || asked.account === undefined) return answer
    memory.accessToken = undefined
    return await attempt(asked)
  }

  async function attempt({ method, path, account, json }: Asked): Promise<Answer> {
    const headers: SentRequest['headers'] = []
    if (account !== undefined) {
      const refusal = memory.accessToken === undefined ? await fetchAccessToken() : undefined
      if (refusal !== undefined) return refusal
      headers.push(['Authorization', `Bearer ${memory.accessToken}`])
      headers.push(['EP-Account-Management-Authentication-Token', account.accountToken])
    }
    const body = json === undefined ? undefined : JSON.stringify(json)
    if (body !== undefined) headers.push(['Content-Type', 'application/json'])
    if (memory.bookmark !== undefined && path.startsWith('/v2/')) {
      headers.push(['X-D1-Bookmark', memory.bookmark])
    }
    const answer = await send({ method, url: new URL(path, location.origin).href, headers, body })
    memory.bookmark = answer.headers.get('X-D1-Bookmark') ?? memory.bookmark
    return answer
  }

  /** Keeps the new token, or returns the refusal. */
  async function fetchAccessToken(): Promise<Answer | undefined> {
    const form = new URLSearchParams({ grant_type: 'implicit', client_id: clientId })
    const answer = await send({
      method: 'POST',
      url: new URL('/oauth/access_token', location.origin).href,
      headers: [['Content-Type', 'application/x-www-form-urlencoded']],
      body: String(form),
    })
    const token = v.safeParse(issued, answer.body)
    if (!token.success) return answer
    memory.accessToken = token.output.access_token
    return undefined
  }

  async function send(request: SentRequest): Promise<Answer> {
    const { method, url, headers, body = null } = request
    const startedAt = performance.now()
    const timeTaken = () => performance.now() - startedAt
    try {
      const response = await fetch(url, { method, headers, body, cache: 'no-store' })
      const answer = {
        status: response.status,
        statusLine: `${response.status} ${response.statusText}`.trim(),
        headers: response.headers,
        body: await response.text(),
      }
      record({ request, answer, ms: timeTaken() })
      return answer
    } catch (error) {
      record({ request, answer: undefined, ms: timeTaken() })
      throw new Unreachable('The Worker does not answer', { cause: error })
    }
  }

  return ask
}
