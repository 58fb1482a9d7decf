// npm start -- --provider, as somebody with two browsers sees it.
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { freePort } from '../../tools/lib/ports.ts'
import { onOutput, startNode, stopAll } from '../../tools/lib/processes.ts'
import { Browser } from './sign-in.ts'

let output = ''
beforeAll(async () => {
  const directory = temporaryDirectory('start-provider')
  const ports = ['--port', await freePort(), '--inspector-port', await freePort()].map(String)
  const state = ['--persist-to', directory, '--env-file', path.join(directory, '.dev.vars')]
  const command = ['--', path.join(projectRoot, 'tools', 'cli.mjs'), 'start', '--provider']
  const child = startNode([...command, ...ports, ...state], { TMPDIR: directory }, directory)
  onOutput(child, (text) => {
    output += text
  })
  await vi.waitFor(() => expect(output).toContain('Ctrl-C stops the Worker'), 60_000)
}, 60_000)
afterAll(stopAll)

describe('npm start -- --provider', () => {
  it('shows the cart of the phone on the laptop, to whoever signs in as the same', async () => {
    const [, url = ''] = /^Sign in +(\S+)\/$/m.exec(output) ?? []
    const signIn = (device: string, name: string) => new Browser().signIn(`${url}/${device}`, name)

    const phone = await signIn('phone', 'ada@shop.example')
    const laptop = await signIn('laptop', 'ada@shop.example')
    const stranger = await signIn('laptop', 'eve@shop.example')

    const [, cart = 'none'] = /200 \/v2\/carts\/([\w-]+)\//.exec(phone.text) ?? []
    expect(phone.text).toContain('"typ": "at+jwt"')
    expect(laptop.text).toContain(`"id": "${cart}"`)
    expect(stranger.text).toContain('200 /v2/carts')
    expect(stranger.text).not.toContain(cart)
  })

  it('prints the settings by which the Worker accepts the tokens', () => {
    expect(output).toContain('  [vars.ACCOUNT_TOKENS]\n  typ = "at+jwt"\n')
  })
})
