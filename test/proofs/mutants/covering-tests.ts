// Which test files try a source file, those that answer soonest first: one failure ends a mutant.

const TESTS: Readonly<Record<string, readonly string[]>> = {
  'src/tokens/verify.ts': [
    'token-refusals',
    'token-acceptance',
    'verified-tokens',
    'settings',
    'remote-keys',
  ],
  'src/subject.ts': ['token-refusals', 'token-acceptance'],
  'src/tokens/verified-tokens.ts': ['verified-tokens', 'rotation'],
  'src/tokens/refusal.ts': ['token-refusals'],
  'src/tokens/client-secret.ts': ['access-token'],
  'src/tokens/issue.ts': ['access-token'],
  'src/tokens/jwk.ts': ['settings', 'key-set', 'remote-keys'],
  'src/tokens/keys.ts': ['settings', 'key-set', 'access-token', 'remote-keys'],
  'src/tokens/trust.ts': ['settings', 'verified-tokens', 'key-set', 'access-token', 'remote-keys'],
  'src/tokens/remote-keys.ts': ['remote-keys', 'verified-tokens'],
  'src/storage/associations.ts': [
    'associate',
    'dissociate',
    'read-cart',
    'storage',
    'cart-accounts',
    'races',
    'database-faults',
  ],
  'src/storage/association-lists.ts': ['read-cart', 'cart-accounts', 'list-carts'],
  'src/storage/statement.ts': ['read-cart', 'list-carts', 'associate', 'erasure', 'access-token'],
  'src/storage/erasure.ts': ['erasure'],
  'src/storage/database.ts': ['storage', 'request-log', 'database-faults', 'erasure'],
  'src/storage/databases.ts': ['stores', 'settings', 'databases'],
  'src/storage/rendezvous.ts': ['databases'],
  'src/storage/session.ts': ['second-device', 'access-token', 'cart-accounts'],
  'src/storage/application-keys.ts': ['access-token'],
  'src/storage/schema.ts': ['storage', 'access-token', 'associate'],
  'src/request/accounts.ts': [
    'associate',
    'dissociate',
    'read-cart',
    'order-of-checks',
    'request-log',
  ],
  'src/request/caller.ts': [
    'token-refusals',
    'token-acceptance',
    'associate',
    'settings',
    'order-of-checks',
    'request-log',
    'rate-limits',
  ],
  'src/request/client.ts': ['access-token', 'key-set', 'rate-limits'],
  'src/request/path.ts': ['associate', 'erasure', 'order-of-checks', 'request-log', 'read-cart'],
  'src/request/failures.ts': ['access-token', 'rate-limits', 'token-refusals', 'remote-keys'],
}

/** The names of the test files; without an entry of their own, those that use most of the Worker. */
export function testsFor(file: string): readonly string[] {
  return TESTS[file] ?? ['associate', 'dissociate', 'read-cart', 'list-carts', 'database-faults']
}
