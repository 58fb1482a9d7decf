import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { called } from './finished.ts'

const DATA_COMMANDS = ['token', 'keys', 'import', 'export', 'stores']
const COMMANDS = ['start', ...DATA_COMMANDS, 'deploy', 'smoke', 'demo']
const NAME_A_COMMAND =
  'Name a command: start, token, keys, import, export, stores, deploy, smoke or demo'
const SAFE_ID = 'must be 1 to 255 characters of A-Z a-z 0-9 _ -'
const SUBJECT = 'must be 1 to 255 printable ASCII characters without spaces'
const ADDRESS = 'https://carts.example'

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
    ['', NAME_A_COMMAND],
    ['tokens', `${NAME_A_COMMAND}, not "tokens"`],
    ['constructor', `${NAME_A_COMMAND}, not "constructor"`],
    ['start --port 0x24', '--port must be a number from 1 to 65535'],
    ['start --ip=', '--ip must be an address of this machine'],
    ['start --persist-to=', '--persist-to must name a directory'],
    ['start --env-file', '--env-file must name a file, which stands for .dev.vars'],
    ['start --var A', '--var must be NAME:VALUE, once for each variable'],
    [
      'start --local-protocol=https',
      '--local-protocol must be http here; npx wrangler dev serves https too',
    ],
    ['start 9000', 'Options come after --, as in npm start -- --port 9000; found "9000"'],
    [
      'start --provider keycloak',
      '--provider takes no name, since it is always oidc-provider; found "keycloak". docs/signing-in.md has the settings of your own',
    ],
    [
      'token access --grant password',
      '--grant must be client_credentials or implicit, not "password"',
    ],
    ['token access --stroe demo', "Unknown option '--stroe'"],
    ['token access --store a/b', `--store ${SAFE_ID}, not "a/b"`],
    [
      'token access --expires-in 31d',
      '--expires-in must be a time like 90s, 15m, 1h or 30d (at most), not "31d"',
    ],
    ['token account', '--account must name the account that the token speaks for'],
    ['token account --account a --member ä', `--member ${SUBJECT}, not "ä"`],
    ['token explain', 'Name one token, or - to read it from standard input'],
    ['token explain a --env nowhere', '--env must be staging or production, not "nowhere"'],
    ['keys', 'Name what to do: create, list, revoke, signing-key or key-set'],
    ['keys create --name a', '--store must name the store of the key'],
    ['keys create --name a --store a.b', `--store ${SAFE_ID}, not "a.b"`],
    ['keys create --store a', '--name must say what the key is for'],
    ['keys create --store a --name=', '--name must be 1 to 100 printable characters'],
    ['keys create --store a --name a\nb', '--name must be 1 to 100 printable characters'],
    ['keys revoke', 'revoke must name one client id'],
    ["keys revoke a'or'1=1", `The client id ${SAFE_ID}, not "a'or'1=1"`],
    ['keys key-set', 'key-set must name the files that hold the keys'],
    ['keys list --persist-to=', '--persist-to must name a directory'],
    ['keys list --env e', '--env names a deployed environment, and needs --remote beside it'],
    [
      'keys list --remote --persist-to here',
      '--persist-to names a local database, and --remote asks for the other',
    ],
    ['smoke', `Name one address, as in npm run smoke -- ${ADDRESS}`],
    ['smoke carts.example', `Name one address, as in npm run smoke -- ${ADDRESS}`],
    ['smoke http://a.example', 'The address must be https; http is for this machine alone'],
    [`smoke ${ADDRESS}/v2`, `The address must have no path: ${ADDRESS}`],
  ])('says in one line what is wrong, with exit code 2: %s', async (args, error) => {
    expect(await called(...args.split(' '))).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})
