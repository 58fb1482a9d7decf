import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { freePort, requireFreePort } from '../../tools/lib/ports.ts'
import { finished, newDirectory } from './finished.ts'

let directory: string
beforeEach(() => {
  directory = newDirectory()
})

/** Runs the command in a directory that is not this project's, where it is to end by itself. */
const started = (...args: string[]) => finished('cli.mjs', ['start', ...args], directory)

/** Runs the curl command as a shell in the clone does, and returns the status. */
async function paste(curl: string): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)('sh', ['-c', curl], { cwd: projectRoot })
  return /^HTTP\S+ (\d+)/.exec(stdout)?.[1]
}

describe('npm start', () => {
  it('prints what one needs in a screen and then a line a request, and leaves nothing behind', async () => {
    const ports = [await freePort(), await freePort()] as const
    const args = [
      ...['--port', String(ports[0]), '--inspector-port', String(ports[1])],
      ...['--persist-to', directory, '--env-file', path.join(directory, '.dev.vars')],
      ...['--var', 'CORS_ORIGINS:https://shop.example', '--ip', '127.0.0.1'],
    ]
    const cli = path.join(projectRoot, 'tools', 'cli.mjs')
    const child = spawn(process.execPath, ['--', cli, 'start', ...args], {
      cwd: directory,
      env: { ...process.env, TMPDIR: directory },
    })
    const exit = once(child, 'close')
    onTestFinished(async () => {
      child.kill('SIGINT')
      await exit
    })
    const printed: string[] = []
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => printed.push(text))
    }
    const output = () => printed.join('')
    await expect.poll(output, { timeout: 40_000 }).toContain('Ctrl-C stops the Worker')
    const [curl = ''] = /curl -i .*?\]\}'/s.exec(output()) ?? []
    expect([await paste(curl), await paste(curl)]).toEqual(['200', '204'])

    const [, playground = ''] = output().match(/^Playground {2}(\S+)$/m) ?? []
    expect(playground).toBe(`http://127.0.0.1:${ports[0]}/`)
    expect(await (await fetch(playground)).text()).toContain('<title>Playground')
    const headers = { Origin: 'https://other.example' }
    const preflight = await fetch(`${playground}v2/carts`, { method: 'OPTIONS', headers })
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBeNull()
    await fetch(`${playground}v2/carts`)
    await expect.poll(output).toContain('TokenRefused')
    const route = '/v2/carts/:cartID/relationships/accounts'
    const [first, ...rest] = output().split('\n').filter(Boolean)
    expect(first).toMatch(/^Starting the Worker/)
    expect(rest, output()).toHaveLength(11)
    expect(rest.slice(-4)).toEqual([
      `200 POST ${route}`,
      `204 POST ${route}`,
      '204 OPTIONS /v2/carts',
      '401 GET /v2/carts: TokenRefused: absent',
    ])

    child.kill('SIGINT')
    expect(await exit).toEqual([130, null])
    expect(readdirSync(directory).filter((name) => name.startsWith('cart-accounts-'))).toEqual([])
    for (const port of ports) await requireFreePort(port)
  })

  it('says in one line that the port is taken, and which option chooses another', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = Object(server.address())

    const { code, out, error } = started('--port', String(port))
    server.close()

    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toBe(`Port ${port} is taken: choose another, npm start -- --port ${port + 1}\n`)
  })

  it.each([
    {
      args: [],
      devVars: "AUTH_JWKS='{'",
      error:
        'AUTH_JWKS in .dev.vars is malformed: correct it, or delete the file and npm start makes a new one',
    },
    {
      args: ['--provider'],
      devVars: `ACCOUNT_TOKENS='{"typ":"at+jwt"}'`,
      error: '--provider sets ACCOUNT_TOKENS itself: take it out of .dev.vars',
    },
  ])('says in one line what is wrong: $error', async ({ args, devVars, error }) => {
    writeFileSync(path.join(directory, '.dev.vars'), `${devVars}\n`)

    const ended = started(...args, '--port', String(await freePort()))

    expect(ended).toEqual({ code: 1, out: '', error: `${error}\n` })
  })
})
