// Makes the playground of one npm start: its page, its tokens, and the configurations of its two Workers.
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'
import { parse as parseToml } from 'smol-toml'
import * as v from 'valibot'
import { ACCOUNT } from '../../openapi/examples.ts'
import { SESSION_PATH, type Session } from '../../pages/playground/page/session.ts'
import { type ReferenceTokens, writeReference } from '../build/reference.ts'
import { projectRoot } from '../lib/directories.ts'
import type { NewKey } from '../tokens/application-keys.ts'
import type { LocalSettings } from '../tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../tokens/mint.ts'

/** A day of trying things out. */
const expiresInSeconds = 8 * 60 * 60

const PAGE = 'pages/playground/page'

/** Where each file is served: the page itself at the root, and what its end links to beside it. */
const STATIC_FILES = {
  [`${PAGE}/index.html`]: 'index.html',
  [`${PAGE}/style.css`]: 'playground/style.css',
  [`${PAGE}/icon.svg`]: 'playground/icon.svg',
  'docs/signing-in.md': 'playground/signing-in.md',
  'docs/deploying.md': 'playground/deploying.md',
}

const configuration = v.looseObject({
  main: v.string(),
  vars: v.optional(v.record(v.string(), v.unknown())),
})

interface PlaygroundOptions {
  /** Where it is written, tokens and all: for this user of the machine alone. */
  directory: string
  settings: LocalSettings
  key: NewKey
  /** The file of the real Worker's secrets. */
  devVars: string
  /** What `--var` and `--provider` set for the real Worker. */
  variables: Record<string, unknown>
}

/** Writes all of it, and returns the arguments that make `wrangler dev` serve it. */
export async function preparePlayground(options: PlaygroundOptions): Promise<string[]> {
  const { directory, devVars, variables } = options
  const assets = path.join(directory, 'assets')
  const { session, reference } = await mintTokens(options)
  await writeReference(assets, reference)
  await buildPage(assets, session)

  // wrangler gives the options of its command line to the first Worker only, so what is meant for
  // the real one stands in a configuration made for this start.
  const playground = await writeConfiguration(path.join(directory, 'playground'), {
    ...(await readConfiguration('pages/playground/wrangler.toml')),
    assets: { directory: assets },
  })
  const { vars, ...given } = await readConfiguration('wrangler.toml')
  const real = await writeConfiguration(path.join(directory, 'cart-accounts'), {
    ...given,
    // The playground's bindings name it so, however wrangler.toml calls the Worker.
    name: 'cart-accounts',
    vars: { ...vars, ...variables },
    // Its pages are among the playground's, with the tokens filled in.
    assets: undefined,
    build: undefined,
    // No clock runs it here, and wrangler would print how to.
    triggers: undefined,
  })
  await symlink(path.resolve(devVars), path.join(path.dirname(real), '.dev.vars'))
  return ['--config', playground, '--config', real]
}

/** Writes the files of the page, its code as one file, and who can sign in on it. */
async function buildPage(directory: string, session: Session): Promise<void> {
  await mkdir(path.join(directory, 'playground'))
  for (const [name, served] of Object.entries(STATIC_FILES)) {
    await copyFile(path.join(projectRoot, name), path.join(directory, served))
  }
  await build({
    entryPoints: [path.join(projectRoot, PAGE, 'main.ts')],
    outfile: path.join(directory, 'playground', 'main.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
  await writeFile(path.join(directory, SESSION_PATH), JSON.stringify(session), { mode: 0o600 })
}

/**
 * Makes two shoppers whom nobody has met, so that their accounts have no carts, and tokens for the reference: of
 * the account in the examples of the OpenAPI document, which can be sent as they are.
 */
async function mintTokens({
  settings,
  key: { clientId, storeId },
}: PlaygroundOptions): Promise<{ session: Session; reference: ReferenceTokens }> {
  const client = { grantType: 'implicit', clientId, storeId, expiresInSeconds } as const
  const accessToken = await mintAccessToken(settings, client)
  if (settings.accountIssuer === undefined) {
    return { session: { clientId }, reference: { accessToken } }
  }
  const tokenOf = (accountId: string, memberId: string) =>
    mintAccountToken(settings, { accountId, storeId, memberId, expiresInSeconds })
  const shopper = async (name: string) => {
    const accountId = crypto.randomUUID()
    return { name, accountId, accountToken: await tokenOf(accountId, name.toLowerCase()) }
  }
  return {
    session: { clientId, accounts: { ada: await shopper('Ada'), ben: await shopper('Ben') } },
    reference: { accessToken, accountToken: await tokenOf(ACCOUNT, 'reader') },
  }
}

/** The configuration of a file of this project, to be written into a different directory. */
async function readConfiguration(name: string): Promise<v.InferOutput<typeof configuration>> {
  const file = path.join(projectRoot, name)
  const given = v.parse(configuration, parseToml(await readFile(file, 'utf8')))
  return { ...given, main: path.resolve(path.dirname(file), given.main) }
}

async function writeConfiguration(directory: string, content: object): Promise<string> {
  await mkdir(directory)
  const file = path.join(directory, 'wrangler.json')
  await writeFile(file, JSON.stringify(content))
  return file
}
