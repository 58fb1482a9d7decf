declare namespace Cloudflare {
  interface Env extends import('../src/settings.ts').Bindings {
    TEST_SIGNING_KEYS: import('jose').JWK[]
    TEST_MIGRATIONS: import('cloudflare:test').D1Migration[]
  }

  interface GlobalProps {
    mainModule: typeof import('../src/app.ts')
  }
}
