import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { called } from './finished.ts'

/** smoke reads these and never verifies them: that is the server's part. */
const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url')
const jwt = (claims: object) => `${part({ alg: 'none' })}.${part(claims)}.c2lnbmF0dXJl`
const TOKENS = {
  SMOKE_ACCESS_TOKEN: jwt({ grant_type: 'implicit' }),
  SMOKE_ACCOUNT_TOKEN: jwt({ account_id: 'account-1' }),
  SMOKE_SERVER_TOKEN: jwt({ grant_type: 'client_credentials' }),
}

const OWN = '{"data":[{"type":"account","id":"account-1"}]}'

const servers: Server[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Starts a server on this machine. */
async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${Object(server.address()).port}`
}

async function smoke(url: string, env: object = {}) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  return await called('smoke', url)
}

describe('npm run smoke', () => {
  it('fails if a server answers 200 to everything, and reports each case', async () => {
    const url = await serve((request, response) => {
      request.resume().on('end', () => response.end('{}'))
    })

    const { code, out, error } = await smoke(url, TOKENS)

    expect(code, out).toBe(1)
    expect(error).toMatch(/^\d+ answers are not what the contract says\n$/)
    expect(out).toMatch(/^0 of \d+ answers are as the contract says$/m)
    expect(out).toMatch(/^Without an access token +401 +200 +\d+ +NO$/m)
    expect(out).toContain('Without an access token: answers 200 instead of 401\n')
    expect(out).toMatch(/^Left behind: the account account-1 of the cart [\w-]{36}$/m)
  })

  it('fails if nobody answers', async () => {
    const url = await serve((_request, response) => response.destroy())

    const { code, out } = await smoke(url)

    expect(code).toBe(1)
    expect(out).toMatch(/^The Worker runs +200 +- +- +NO$/m)
  })

  it.each([
    [{ SMOKE_ACCOUNT_TOKEN: 'word' }, 'SMOKE_ACCOUNT_TOKEN must be a JWT with account_id'],
    [{ SMOKE_ACCESS_TOKEN: 'word' }, 'SMOKE_ACCESS_TOKEN must be a JWT with grant_type'],
    [{ SMOKE_CLIENT_SECRET: 'word' }, 'SMOKE_CLIENT_SECRET needs SMOKE_CLIENT_ID beside it'],
  ])('sends nothing with a variable that cannot be right: %j', async (env, error) => {
    expect(await smoke('https://carts.example', env)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })

  it.each([
    { sent: 'tokens', env: TOKENS },
    { sent: 'a client secret', env: { SMOKE_CLIENT_ID: 'client', SMOKE_CLIENT_SECRET: 'secret' } },
  ])('follows no redirect, and names its target, with $sent', async ({ env }) => {
    const elsewhere: string[] = []
    const other = await serve((request, response) => {
      elsewhere.push(`${request.method} ${request.url}`)
      response.end('{"status":"ok"}')
    })
    const url = await serve((request, response) => {
      const location = `${other}${request.url}?secret`
      request.resume().on('end', () => response.writeHead(307, { location }).end())
    })

    const { code, out, error } = await smoke(url, env)

    expect(code).toBe(1)
    expect(elsewhere).toEqual([])
    expect(out + error).toContain(`answers 307, a redirect to ${other}, which is not followed\n`)
    expect(out).not.toContain('Left behind')
  })

  it('takes back what it associated if it is stopped on the way', async () => {
    const takenBack: string[] = []
    const stuck = Promise.withResolvers<void>()
    const url = await serve(async (request, response) => {
      const { method, url: path = '', headers } = request
      const body = await text(request)
      if (method === 'DELETE') {
        takenBack.push(`${path} ${body}`)
        response.writeHead(204).end()
        return
      }
      const isShopper =
        headers['ep-account-management-authentication-token'] === TOKENS.SMOKE_ACCOUNT_TOKEN
      const isJson = headers['content-type'] === 'application/json'
      if (isShopper && isJson && body === OWN && !path.includes('a.b')) {
        // The new association gets no answer, and so may have been written.
        stuck.resolve()
        return
      }
      response.writeHead(401).end('{}')
    })
    const command = ['--', path.join(projectRoot, 'tools', 'cli.mjs'), 'smoke', url]
    const child = spawn(process.execPath, command, { env: { ...process.env, ...TOKENS } })
    const ended = Promise.all([once(child, 'close'), text(child.stderr), text(child.stdout)])

    await stuck.promise
    child.kill('SIGINT')
    const [[code], error] = await ended

    expect({ code, error }).toEqual({ code: 130, error: 'Stopped\n' })
    expect(takenBack).toEqual([
      expect.stringMatching(
        /^\/v2\/carts\/[\w-]{36}\/relationships\/accounts \{.*"account-1".*\}$/,
      ),
    ])
  })
})
