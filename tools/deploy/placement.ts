// The placement of stores, as the settings of an environment say.
import { SettingsError } from '../../src/errors.ts'
import { findPlacements, type Placements } from '../../src/storage/shards.ts'
import type { Environment } from '../lib/wrangler-toml.ts'

export interface Home {
  name: string
}

/** Returns what the Worker said about a setting, with the rule that its response leaves out. */
export function withRule(text: string, { vars, ...environment }: Environment): string {
  const [setting = ''] = /^[A-Z_]+/.exec(text) ?? []
  const own = { STORE_PLACEMENT: undefined, STORE_PLACEMENT_NEXT: undefined }
  try {
    findPlacements({ ...vars, ...own, [setting]: vars[setting] }, homesOf(environment))
  } catch (error) {
    const { message = '', cause = undefined } = error instanceof SettingsError ? error : {}
    if (message === text && cause instanceof SettingsError) return cause.message
  }
  return text
}

/** Whether a rule names the database: others take no store there. */
export function isPlaced(environment: Environment, binding: string): boolean {
  const { present, future } = placementsOf(environment) ?? {}
  const rules = [...(present?.rules ?? []), ...(future?.rules ?? [])]
  return rules.some(([, homes]) => homes.some(({ name }) => name === binding))
}

/** Undefined if the settings are malformed, which the Worker says. */
export function placementsOf(environment: Environment): Placements<Home> | undefined {
  try {
    return findPlacements(environment.vars, homesOf(environment))
  } catch (error) {
    if (error instanceof SettingsError) return undefined
    throw error
  }
}

export function homesOf({ d1_databases }: Pick<Environment, 'd1_databases'>): Home[] {
  return d1_databases
    .map(({ binding }) => ({ name: binding }))
    .filter(({ name }) => /^DB(_[1-9]\d*)?$/.test(name))
}
