import type { D1Migration } from 'cloudflare:test'
import type { Bindings } from '../src/bindings.ts'
import type { SigningKey } from './tokens.ts'

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {
      TEST_SIGNING_KEYS: SigningKey[]
      TEST_MIGRATIONS: D1Migration[]
      TEST_CONTRACT: Fetcher
      TEST_PROMISED_ANSWERS: string[]
      TEST_PROOF: { seed: number; whole: boolean }
    }

    interface GlobalProps {
      mainModule: typeof import('../src/app.ts')
    }
  }
}
