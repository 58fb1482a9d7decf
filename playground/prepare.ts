// Makes the playground of one npm start: its page, its tokens, and the configurations of its two Workers.
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'
import { parse as parseToml } from 'smol-toml'
import * as v from 'valibot'
import type { NewKey } from '../scripts/application-keys.ts'
import { type LocalSettings, projectRoot } from '../scripts/local-settings.ts'
import { mintAccountToken } from '../scripts/mint.ts'
import { temporaryDirectory } from '../scripts/temporary-directory.ts'
import { type Account, SESSION_PATH, type Session } from './page/session.ts'

/** A day of trying things out. */
const EXPIRES_IN_SECONDS = 8 * 60 * 60

/** Where each file of the page is served; only the page itself is at the root. */
const STATIC_FILES = {
  'index.html': 'index.html',
  _headers: '_headers',
  'style.css': 'playground/style.css',
  'icon.svg': 'playground/icon.svg',
} as const

const configuration = v.looseObject({
  main: v.string(),
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  assets: v.optional(v.looseObject({ directory: v.optional(v.string()) })),
})

export interface PlaygroundOptions {
  settings: LocalSettings
  key: NewKey
  /** The file of the real Worker's secrets. */
  devVars: string
  /** What `--var` sets for the real Worker. */
  variables: Record<string, string>
}

/**
 * Writes all of it to a directory of its own, which goes when this process ends, and returns the
 * arguments that make `wrangler dev` serve it.
 */
export async function preparePlayground(options: PlaygroundOptions): Promise<string[]> {
  const directory = temporaryDirectory('playground')
  const assets = path.join(directory, 'assets')
  await buildPage(assets)
  await writeSession(assets, options)

  // wrangler gives the options of its command line to the first Worker only, so what is meant for
  // the real one stands in a configuration made for this start.
  const playground = await writeConfiguration(
    path.join(directory, 'playground'),
    path.join(projectRoot, 'playground', 'wrangler.toml'),
    { assets: { directory: assets } },
  )
  const real = await writeConfiguration(
    path.join(directory, 'cart-accounts'),
    path.join(projectRoot, 'wrangler.toml'),
    { vars: options.variables },
  )
  await symlink(path.resolve(options.devVars), path.join(path.dirname(real), '.dev.vars'))
  return ['--config', playground, '--config', real]
}

/** The files of the page, and its code as one file. */
export async function buildPage(directory: string): Promise<void> {
  const source = path.join(projectRoot, 'playground', 'page')
  await mkdir(path.join(directory, 'playground'), { recursive: true })
  for (const [name, served] of Object.entries(STATIC_FILES)) {
    await copyFile(path.join(source, name), path.join(directory, served))
  }
  await build({
    entryPoints: [path.join(source, 'main.ts')],
    outfile: path.join(directory, 'playground', 'main.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
}

async function writeSession(
  assets: string,
  { settings, key }: Pick<PlaygroundOptions, 'settings' | 'key'>,
): Promise<void> {
  const accountOf = async (name: string): Promise<Account> => {
    const accountId = crypto.randomUUID()
    const accountToken = await mintAccountToken(settings, {
      accountId,
      storeId: key.storeId,
      memberId: name.toLowerCase(),
      expiresInSeconds: EXPIRES_IN_SECONDS,
    })
    return { name, accountId, accountToken }
  }
  const accounts =
    settings.accountIssuer === undefined
      ? undefined
      : { ada: await accountOf('Ada'), ben: await accountOf('Ben') }
  const session: Session = { clientId: key.clientId, accounts }
  const file = path.join(assets, SESSION_PATH)
  await writeFile(file, JSON.stringify(session), { mode: 0o600 })
}

/** The configuration of a file, for another directory than its own. */
async function writeConfiguration(
  directory: string,
  file: string,
  { vars, assets }: { vars?: Record<string, string>; assets?: { directory: string } },
): Promise<string> {
  const given = v.parse(configuration, parseToml(await readFile(file, 'utf8')))
  const absolute = (name: string) => path.resolve(path.dirname(file), name)
  const own = given.assets?.directory
  const ownAssets = own === undefined ? {} : { directory: absolute(own) }
  await mkdir(directory)
  const written = path.join(directory, 'wrangler.json')
  const document = {
    ...given,
    main: absolute(given.main),
    vars: { ...given.vars, ...vars },
    ...(given.assets === undefined && assets === undefined
      ? {}
      : { assets: { ...given.assets, ...ownAssets, ...assets } }),
  }
  await writeFile(written, JSON.stringify(document))
  return written
}
