import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { called } from './finished.ts'

const DATA_COMMANDS = ['token', 'keys', 'import', 'export', 'stores']
const COMMANDS = ['start', ...DATA_COMMANDS, 'deploy', 'smoke', 'demo']

describe('npx cart-accounts', () => {
  it('lists its commands, from a folder of the project too', () => {
    const { status, stdout } = spawnSync('npx', ['cart-accounts', '--help'], {
      cwd: path.join(projectRoot, 'docs'),
      encoding: 'utf8',
    })

    expect(status).toBe(0)
    expect([...stdout.matchAll(/^ {2}(\w+) +[A-Z]/gm)].map(([, name]) => name)).toEqual(COMMANDS)
    expect(stdout.split('\n').length).toBeLessThan(24)
  })

  it.each(DATA_COMMANDS)('has examples of %s', async (name) => {
    const { code, out } = await called(name, '--help')

    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^Examples\n\n  npx cart-accounts ${name} `, 'm'))
  })

  it.each([
    [[], ''],
    [['tokens'], ', not "tokens"'],
    [['constructor'], ', not "constructor"'],
  ])('lists the commands if there is none of the name: %j', async (args, found) => {
    expect(await called(...args)).toEqual({
      code: 2,
      out: '',
      error: `Name a command: start, token, keys, import, export, stores, deploy, smoke or demo${found} (--help shows examples)\n`,
    })
  })
})
