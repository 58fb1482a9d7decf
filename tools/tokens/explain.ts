// npx cart-accounts token explain: holds one account token to the settings at hand, by the Worker's own rules.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import * as v from 'valibot'
import type { Bindings } from '../../src/bindings.ts'
import { SettingsError } from '../../src/errors.ts'
import { badArgument, CommandError, environmentOf, parseOptions } from '../lib/command-line.ts'
import {
  findEnvironment,
  readEnvironments,
  sectionOf,
  WRANGLER_TOML,
} from '../lib/wrangler-toml.ts'
import { judge, report } from './explain-report.ts'
import { type AtHand, rulesFor } from './explain-rules.ts'
import { readDevVars } from './local-settings.ts'

// The settings are checked by whatever reads them, and no rule of a token reads a database.
const bindings = v.custom<Bindings>((given) => typeof given === 'object' && given !== null)

export async function explain(args: string[]): Promise<void> {
  const { values, positionals } = parseOptions(
    args,
    {
      ...{ env: { type: 'string' }, config: { type: 'string' }, 'dev-vars': { type: 'string' } },
      store: { type: 'string' },
    },
    { allowPositionals: true },
  )
  const [given, ...more] = positionals
  if (given === undefined || more.length > 0) {
    throw badArgument('Name one token, or - to read it from standard input')
  }
  const token = (given === '-' ? await text(process.stdin) : given).trim()
  const atHand = await settingsAtHand(values)
  try {
    const lines = await Promise.all(rulesFor(token, atHand).map(judge))
    process.stdout.write(report(lines, atHand))
    if (lines.some(({ refusal }) => refusal !== undefined)) process.exitCode = 1
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    throw new CommandError(`${error.message} (${atHand.sources})`)
  }
}

interface Choice {
  env?: string
  config?: string
  'dev-vars'?: string
  store?: string
}

/** Reads them as wrangler dev would: .dev.vars of the environment in place of the common one. */
async function settingsAtHand(choice: Choice): Promise<AtHand> {
  const config = path.resolve(choice.config ?? WRANGLER_TOML)
  const environment = findEnvironment(readEnvironments(config), environmentOf(choice))
  const { vars, env } = environment
  const common = path.join(path.dirname(config), '.dev.vars')
  const own = `${common}.${env}`
  const devVars = choice['dev-vars'] ?? (env !== '' && existsSync(own) ? own : common)
  return {
    settings: v.parse(bindings, { ...vars, ...(await readDevVars(devVars)) }),
    sources: `[${sectionOf(environment, 'vars')}] of ${path.basename(config)}, and ${path.basename(devVars)}`,
    store: choice.store,
    now: new Date(),
  }
}
