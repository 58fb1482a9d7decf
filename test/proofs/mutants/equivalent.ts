// The mutants that no test can tell from the Worker, each with the reason.

export interface Equivalent {
  file: string
  /** A part of the line that is changed. */
  within: string
  /** As the command prints it. */
  change: string
  reason: string
}

export const equivalents: readonly Equivalent[] = [
  {
    file: 'src/tokens/verify.ts',
    within: "requiredClaims: ['iat', 'exp']",
    change: "['iat', 'exp'] → []",
    reason: 'checkTimes refuses a token without them in the same words',
  },
  {
    file: 'src/tokens/verify.ts',
    within: "claim === 'nbf' && reason === 'check_failed'",
    change: "claim === 'nbf' → true",
    reason: 'of the claims that are left, jose checks nbf alone',
  },
  {
    file: 'src/tokens/refusal.ts',
    within: "case 'wrong_store':",
    change: '\'wrong_store\' → ""',
    reason: 'an access token names the store, and is of no other one',
  },
  {
    file: 'src/tokens/jwk.ts',
    within: 'must be ${expected?.replace',
    change: 'expected?.replace → expected.replace',
    reason: 'every schema without a message of its own says what it expects',
  },
  {
    file: 'src/tokens/keys.ts',
    within: "importKey('', output)",
    change: '\'\' → "Stryker was here!"',
    reason: 'it names the key in an error that is caught on the same line',
  },
  {
    file: 'src/tokens/keys.ts',
    within: '!success || output.kid === undefined',
    change: 'output.kid === undefined → false',
    reason: 'a token must name its key where keys are published, and no name is undefined',
  },
  {
    file: 'src/tokens/keys.ts',
    within: '!success || output.kid === undefined',
    change: 'Worker that takes published keys without kid',
    reason: 'a token must name its key where keys are published, and no name is undefined',
  },
  {
    file: 'src/tokens/verified-tokens.ts',
    within: 'const [oldest]',
    change: '[] → ["Stryker was here"]',
    reason: 'no token reads so, and none is forgotten',
  },
  {
    file: 'src/tokens/verified-tokens.ts',
    within: 'if (oldest !== undefined)',
    change: 'oldest !== undefined → true',
    reason: 'no token is undefined, and none is forgotten',
  },
  {
    file: 'src/tokens/remote-keys.ts',
    within: 'errors.JWKSNoMatchingKey',
    change: 'error instanceof errors.JWKSNoMatchingKey → true',
    reason: 'jose has no other error for keys of distinct names that were imported before',
  },
  {
    file: 'src/tokens/remote-keys.ts',
    within: '} catch (error) {',
    change: '{ if (error instanceof errors.JWKSNoMatchingKey) return undefined throw error } → {}',
    reason: 'jose has no other error for keys of distinct names that were imported before',
  },
  {
    file: 'src/storage/association-lists.ts',
    within: 'counted?.total',
    change: 'counted?.total → counted.total',
    reason: 'count(*) answers with one row always',
  },
  {
    file: 'src/storage/association-lists.ts',
    within: 'const newestFirst',
    change: 'Worker that lists carts of one time in any order',
    reason: 'the index that serves the list has this order',
  },
  {
    file: 'src/storage/database.ts',
    within: "new Error('D1 failed'",
    change: '\'D1 failed\' → ""',
    reason: 'the log has what lies under it, and the answer neither',
  },
  {
    file: 'src/storage/statement.ts',
    within: 'escapeString: (text: string)',
    change: "(text: string) => `'${text.replaceAll(\"'\", \"''\")}'` → () => undefined",
    reason: 'no text is written into a statement: all are bound',
  },
  {
    file: 'src/storage/statement.ts',
    within: 'escapeString: (text: string)',
    change: "`'${text.replaceAll(\"'\", \"''\")}'` → ``",
    reason: 'no text is written into a statement: all are bound',
  },
  {
    file: 'src/storage/statement.ts',
    within: 'escapeString: (text: string)',
    change: '"\'" → ""',
    reason: 'no text is written into a statement: all are bound',
  },
  {
    file: 'src/storage/statement.ts',
    within: 'escapeString: (text: string)',
    change: '"\'\'" → ""',
    reason: 'no text is written into a statement: all are bound',
  },
  {
    file: 'src/storage/statement.ts',
    within: 'sql: sql.replaceAll',
    change: "sql.replaceAll(/\\s+/g, ' ').trim() → sql.replaceAll(/\\s+/g, ' ')",
    reason: 'SQLite takes white space of any length for the same',
  },
  {
    file: 'src/storage/statement.ts',
    within: 'sql: sql.replaceAll',
    change: '/\\s+/g → /\\s/g',
    reason: 'SQLite takes white space of any length for the same',
  },
  {
    file: 'src/storage/rendezvous.ts',
    within: 'weightOf(each.name, storeId) > weightOf(home.name, storeId)',
    change:
      'weightOf(each.name, storeId) > weightOf(home.name, storeId) → weightOf(each.name, storeId) >= weightOf(home.name, storeId)',
    reason:
      'no two databases have the same weight for a store: each step of the hash is a bijection',
  },
  {
    file: 'src/request/accounts.ts',
    within: "caller.kind === 'server' ? 'shared' : 'unclaimed'",
    change: '\'unclaimed\' → ""',
    reason: 'whatever is not shared is unclaimed',
  },
  {
    file: 'src/request/accounts.ts',
    within: "caller.kind === 'shopper' ? caller.accountId : undefined",
    change: "caller.kind === 'shopper' → true",
    reason: 'a server has no account id',
  },
  {
    file: 'src/storage/session.ts',
    within: 'bookmark !== undefined && BOOKMARK.test(bookmark)',
    change: 'bookmark !== undefined → true',
    reason: 'the text undefined is no bookmark',
  },
  {
    file: 'src/request/caller.ts',
    within: "bearerToken(authorization = '')",
    change: '\'\' → "Stryker was here!"',
    reason: 'neither text begins with the scheme',
  },
  {
    file: 'src/request/caller.ts',
    within: '/^Bearer +(.+)$/i.exec',
    change: '/^Bearer +(.+)$/i → /^Bearer +(.+)/i',
    reason: 'a header holds no line break',
  },
]
