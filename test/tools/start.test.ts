import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { freePort, requireFreePort } from '../../tools/lib/ports.ts'

const START = path.join(projectRoot, 'tools', 'cli.mjs')

const started: Started[] = []
let directory: string
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-start-'))
})
afterEach(async () => {
  for (const { child, exit } of started.splice(0)) {
    child.kill('SIGINT')
    await exit
  }
  rmSync(directory, { recursive: true })
})

interface Started {
  child: ChildProcess
  output: () => string
  exit: Promise<unknown>
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, ['--', START, 'start', ...args], {
    cwd: directory,
    env: { ...process.env, TMPDIR: directory },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const exit = once(child, 'close').then(([code]) => code)
  const command = { child, output: () => output, exit }
  started.push(command)
  return command
}

/** Runs the curl command as a shell in the clone does, and returns the status. */
async function paste(curl: string): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)('sh', ['-c', curl], { cwd: projectRoot })
  return /^HTTP\S+ (\d+)/.exec(stdout)?.[1]
}

describe('npm start', () => {
  it('prints what one needs in a screen and then a line a request, and leaves nothing behind', async () => {
    const ports = [await freePort(), await freePort()] as const
    const { child, output, exit } = start(
      ...['--port', String(ports[0]), '--inspector-port', String(ports[1])],
      ...['--persist-to', directory, '--env-file', path.join(directory, '.dev.vars')],
      ...['--var', 'CORS_ORIGINS:https://shop.example', '--ip', '127.0.0.1'],
    )
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
    expect(rest).toHaveLength(11)
    expect(rest.slice(-4)).toEqual([
      `200 POST ${route}`,
      `204 POST ${route}`,
      '204 OPTIONS /v2/carts',
      '401 GET /v2/carts: TokenRefused: absent',
    ])

    child.kill('SIGINT')
    expect(await exit).toBe(130)
    expect(readdirSync(directory).filter((name) => name.startsWith('cart-accounts-'))).toEqual([])
    for (const port of ports) await requireFreePort(port)
  })

  it('says in one line that the port is taken, and which option chooses another', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = Object(server.address())

    const { output, exit } = start('--port', String(port))

    expect(await exit).toBe(1)
    expect(output()).toBe(
      `Port ${port} is taken: choose another, npm start -- --port ${port + 1}\n`,
    )
    server.close()
  })

  it('says in one line what is wrong with .dev.vars', async () => {
    writeFileSync(path.join(directory, '.dev.vars'), "AUTH_JWKS='{'\n")

    const { output, exit } = start('--port', String(await freePort()))

    expect(await exit).toBe(1)
    expect(output()).toBe(
      'AUTH_JWKS in .dev.vars is malformed: correct it, or delete the file and npm start makes a new one\n',
    )
  })

  it('refuses --provider beside settings of another provider, which would go before', async () => {
    const file = path.join(directory, 'vars')
    writeFileSync(file, `ACCOUNT_TOKENS='{"typ":"at+jwt"}'\n`)
    const port = String(await freePort())
    const { output, exit } = start('--provider', '--env-file', file, '--port', port)

    expect(await exit).toBe(1)
    expect(output()).toContain(`--provider sets ACCOUNT_TOKENS itself: take it out of ${file}`)
  })

  it.each([
    { args: ['--port', '0x24'], error: '--port must be a number from 1 to 65535' },
    { args: ['--port'], error: '--port must be a number from 1 to 65535' },
    {
      args: ['--env-file'],
      error: '--env-file must name a file, which stands for .dev.vars',
    },
    { args: ['--ip='], error: '--ip must be an address of this machine' },
    { args: ['--persist-to'], error: '--persist-to must name a directory' },
    {
      args: ['--var', 'CORS_ORIGINS'],
      error: '--var must be NAME:VALUE, once for each variable',
    },
    {
      args: ['--provider', 'keycloak'],
      error:
        '--provider takes no name, since it is always oidc-provider; found "keycloak". docs/signing-in.md has the settings of your own',
    },
    {
      args: ['9000'],
      error: 'Options come after --, as in npm start -- --port 9000; found "9000"',
    },
  ])('says in one line what is wrong, with exit code 2: $args', async ({ args, error }) => {
    const { output, exit } = start(...args)

    expect(await exit).toBe(2)
    expect(output()).toBe(`${error} (--help shows examples)\n`)
  })
})
