import { describe, expect, it } from 'vitest'
import { addressOf } from '../../tools/deploy/deploy.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import { type Finished, finished } from './finished.ts'

describe('npm run deploy', () => {
  const directory = temporaryDirectory('deploy-test')
  // A developer who runs the tests may be logged in.
  const { CLOUDFLARE_API_TOKEN: _token, CLOUDFLARE_API_KEY: _key, ...rest } = process.env
  const env = { ...rest, HOME: directory, XDG_CONFIG_HOME: directory }
  const typed = (...args: string[]): Finished =>
    finished('cli.mjs', ['deploy', ...args], directory, { env })

  it('prints the plan without a login, and fails for what is missing', () => {
    const { code, out, error } = typed('--dry-run', '--env', 'production')

    expect({ code, error }).toEqual({
      code: 1,
      error: 'Not ready to deploy: nothing was touched\n',
    })
    expect(out).toMatch(/^Worker {4}cart-accounts-production$/m)
    expect(out).toMatch(/Bundle {4}[\d.]+ KiB, [\d.]+ KiB gzipped/)
    expect(out).toContain('✗ You are not logged in to Cloudflare')
  })

  it.each([
    { args: ['--env', 'prod'], error: '--env must be staging or production, not "prod"' },
    {
      args: ['--secrets-file', 'nowhere'],
      error: '--secrets-file names a file that cannot be read: nowhere (ENOENT)',
    },
  ])('says in one line what is wrong, with exit code 2: $args', ({ args, error }) => {
    expect(typed(...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})

describe('the address of a deployment', () => {
  it.each([
    { targets: ['https://a.shop.workers.dev'], address: 'https://a.shop.workers.dev' },
    { targets: ['carts.shop.test (custom domain)'], address: 'https://carts.shop.test' },
    { targets: ['carts.shop.test/* (zone name: shop.test)'], address: 'https://carts.shop.test' },
    { targets: ['*.shop.test/*', 'schedule: 0 0 * * *'], address: undefined },
    { targets: [], address: undefined },
  ])('is found among $targets', ({ targets, address }) => {
    expect(addressOf(targets)).toBe(address)
  })
})
