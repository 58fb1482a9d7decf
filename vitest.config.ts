import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-pool-workers'
import { exportJWK, generateKeyPair, generateSecret, type JWK } from 'jose'
import * as v from 'valibot'
import { defineConfig } from 'vitest/config'
import { breachesOf, exchangeSchema } from './test/lib/contract.ts'

/** One signing key for each accepted algorithm, new for every run. */
const signingKeys: JWK[] = await Promise.all([
  ...['ES256', 'EdDSA', 'RS256'].map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true })
    return { ...(await exportJWK(privateKey)), kid: `test-${alg}`, alg }
  }),
  generateSecret('HS256', { extractable: true }).then(async (secret) => ({
    ...(await exportJWK(secret)),
    kid: 'test-HS256',
    alg: 'HS256',
  })),
])
const verificationKeys = signingKeys.map(
  ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...jwk }) => jwk,
)

// npm test takes a share of the proofs; test/proofs/prove.ts asks for the whole.
const { PROOF_SEED = '1', PROOF_SIZE } = process.env
const proof = { seed: Number(PROOF_SEED), whole: PROOF_SIZE === 'whole' }

// Holds whatever the tests and their commands leave in the system's: vitest ends its workers without an exit.
const directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-test-'))
process.env['TMPDIR'] = directory
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
// A copy, because wrangler reads the .dev.vars beside its configuration, and no test may depend on it.
const configPath = path.join(directory, 'wrangler.toml')
copyFileSync('wrangler.toml', configPath)

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [
          cloudflareTest({
            main: './src/app.ts',
            wrangler: { configPath },
            miniflare: {
              // For vitest itself, which the Worker's own date does not give it.
              compatibilityFlags: ['nodejs_compat'],
              bindings: {
                AUTH_JWKS: JSON.stringify({ keys: verificationKeys }),
                TEST_SIGNING_KEYS: signingKeys,
                TEST_MIGRATIONS: await readD1Migrations('migrations'),
                TEST_PROOF: proof,
              },
              d1Databases: ['TEST_PREVIOUS_DB', 'TEST_REPEATED_DB', 'TEST_SECOND_DB'],
              serviceBindings: {
                // Ajv makes code of schemas, which workerd does not run: it is asked from there.
                async TEST_CONTRACT(request: { text: () => Promise<string> }) {
                  const exchange = v.parse(exchangeSchema, JSON.parse(await request.text()))
                  return new Response(breachesOf(exchange).join('; '))
                },
              },
            },
          }),
        ],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          setupFiles: ['test/worker/setup.ts'],
          testTimeout: 30_000,
          restoreMocks: true,
        },
      },
      {
        test: {
          name: 'tools',
          include: [
            'test/tools/**/*.test.ts',
            'test/bench/**/*.test.ts',
            'test/proofs/**/*.test.ts',
            'examples/**/*.test.ts',
          ],
          environment: 'node',
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'clients',
          include: ['test/clients/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/clients/setup.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/clients/setup.ts'],
          // axe reads the whole page of the reference, several times.
          testTimeout: 120_000,
        },
      },
    ],
    // Many files wait, for a deadline or for wrangler, so four at a time suit two cores.
    maxWorkers: 4,
    silent: 'passed-only',
    coverage: { provider: 'istanbul', include: ['src/**'], thresholds: { lines: 95 } },
  },
})
