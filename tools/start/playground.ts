// Makes the playground of one npm start: its page, its tokens, and the configurations of its two Workers.
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'
import { parse as parseToml } from 'smol-toml'
import * as v from 'valibot'
import { ACCOUNT } from '../../openapi/examples.ts'
import { type Account, SESSION_PATH, type Session } from '../../pages/playground/page/session.ts'
import { type ReferenceTokens, writeReference } from '../build/reference.ts'
import { projectRoot } from '../lib/directories.ts'
import type { NewKey } from '../tokens/application-keys.ts'
import type { LocalSettings } from '../tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../tokens/mint.ts'

/** A day of trying things out. */
const expiresInSeconds = 8 * 60 * 60

const PAGE = path.join(projectRoot, 'pages', 'playground', 'page')

/** Where each file of the page is served; only the page itself is at the root. */
const STATIC_FILES = {
  'index.html': 'index.html',
  'style.css': 'playground/style.css',
  'icon.svg': 'playground/icon.svg',
} as const

const configuration = v.looseObject({
  main: v.string(),
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
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
  const { directory, settings, key, devVars, variables } = options
  const assets = path.join(directory, 'assets')
  await writeReference(assets, await referenceTokens(settings, key))
  await buildPage(assets, await newSession(settings, key))

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

/** Writes the files of the page, the pages that its end links to, its code as one file, and who can sign in on it. */
async function buildPage(directory: string, session: Session): Promise<void> {
  await mkdir(path.join(directory, 'playground'), { recursive: true })
  for (const [name, served] of Object.entries(STATIC_FILES)) {
    await copyFile(path.join(PAGE, name), path.join(directory, served))
  }
  for (const name of ['signing-in.md', 'deploying.md']) {
    await copyFile(path.join(projectRoot, 'docs', name), path.join(directory, 'playground', name))
  }
  await build({
    entryPoints: [path.join(PAGE, 'main.ts')],
    outfile: path.join(directory, 'playground', 'main.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
  await writeFile(path.join(directory, SESSION_PATH), JSON.stringify(session), { mode: 0o600 })
}

/** Two shoppers whom nobody has met: their accounts have no carts yet. */
async function newSession(
  settings: LocalSettings,
  { clientId, storeId }: NewKey,
): Promise<Session> {
  if (settings.accountIssuer === undefined) return { clientId }
  const accountOf = async (name: string): Promise<Account> => {
    const accountId = crypto.randomUUID()
    const who = { accountId, storeId, memberId: name.toLowerCase(), expiresInSeconds }
    return { name, accountId, accountToken: await mintAccountToken(settings, who) }
  }
  return { clientId, accounts: { ada: await accountOf('Ada'), ben: await accountOf('Ben') } }
}

/** Tokens of the account in the examples of the OpenAPI document: they can be sent as they are. */
async function referenceTokens(
  settings: LocalSettings,
  { clientId, storeId }: NewKey,
): Promise<ReferenceTokens> {
  const client = { grantType: 'implicit', clientId, storeId, expiresInSeconds } as const
  const accessToken = await mintAccessToken(settings, client)
  if (settings.accountIssuer === undefined) return { accessToken }
  const reader = { accountId: ACCOUNT, memberId: 'reader', storeId, expiresInSeconds }
  return { accessToken, accountToken: await mintAccountToken(settings, reader) }
}

type Configuration = v.InferOutput<typeof configuration>

/** The configuration of a file of this project, to be written into a different directory. */
async function readConfiguration(name: string): Promise<Configuration> {
  const file = path.join(projectRoot, name)
  const given = v.parse(configuration, parseToml(await readFile(file, 'utf8')))
  return { ...given, main: path.resolve(path.dirname(file), given.main) }
}

async function writeConfiguration(
  directory: string,
  content: Record<string, unknown>,
): Promise<string> {
  await mkdir(directory)
  const file = path.join(directory, 'wrangler.json')
  await writeFile(file, JSON.stringify(content))
  return file
}
