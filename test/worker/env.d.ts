import type { D1Migration } from 'cloudflare:test'
import type { Bindings } from '../../src/bindings.ts'
import type { SigningKey } from './tokens.ts'

declare global {
  /** Vite's (https://vite.dev/guide/features.html#glob-import). */
  interface ImportMeta {
    glob: <Module>(
      pattern: string,
      options: { eager: true; import: 'default' },
    ) => Record<string, Module>
  }

  namespace Cloudflare {
    interface Env extends Bindings {
      TEST_SIGNING_KEYS: SigningKey[]
      TEST_MIGRATIONS: D1Migration[]
      TEST_CONTRACT: Fetcher
      TEST_PREVIOUS_DB: D1Database
      TEST_REPEATED_DB: D1Database
      TEST_SECOND_DB: D1Database
      TEST_PROOF: { seed: number; whole: boolean }
    }

    interface GlobalProps {
      mainModule: typeof import('../../src/app.ts')
    }
  }
}
