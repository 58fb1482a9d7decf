// The rules of the contract, one for each sentence, with the change of the source that breaks it.

/** The section of docs/contract.md, its sentence in short, and a text that occurs once in the file. */
type Rule = [section: string, sentence: string, find: string, replace: string]

// biome-ignore format: a table, one rule after the other
export const rules: Record<string, Rule[]> = {
  'src/tokens/kinds.ts': [
    ['1', 'an account id is a safe id', '!isSafeId(account_id)', '!isSubject(account_id)'],
    ['1', 'a client id is a safe id', '!isSafeId(sub)', '!isSubject(sub)'],
  ],
  'src/tokens/trust.ts': [
    ['1', 'an access token has the typ at+jwt', "typ: 'at+jwt'", "typ: 'account+jwt'"],
    ['1', 'an account token has the typ account+jwt', "typ: 'account+jwt'", "typ: 'at+jwt'"],
    ['1', 'account tokens have an issuer of their own', "'ACCOUNT_ISSUER') ?? issuer",
      "'ACCOUNT_ISSUER') && issuer"],
    ['4a', 'an invitation is never verified with fetched keys', 'remote: undefined', 'remote: keys.remote'],
    ['4a', 'an invitation has a typ of its own', "typ: 'cart-invitation+jwt'", "typ: 'at+jwt'"],
    ['4a', 'an invitation has an audience of its own', 'name: INVITATION_AUDIENCE', 'name: audience'],
  ],
  'src/request/invitations.ts': [
    ['4a', 'a shopper lets nobody claim', "claim === 'unclaimed' && !isServer", 'false'],
    ['4a', 'an invitation changes nothing for a server', " && c.get('caller').kind === 'shopper'", ''],
  ],
  'src/tokens/claims.ts': [
    ['1', 'a token has the issuer of the settings', "claimOf(claims, 'iss') !== issuer", 'false'],
    ['1', 'a token has the audience of the settings', '!names.includes(name)', 'false'],
    ['1', 'clocks may differ by 5 s', 'SECONDS = 5', 'SECONDS = 6'],
    ['1', 'a token lives 30 days at most', '30 * 24', '31 * 24'],
    ['1', 'times are whole seconds', 'Number.isSafeInteger(value)', 'Number.isFinite(value)'],
  ],
  'src/tokens/verify.ts': [
    ['1', 'a token is 8 KiB at most', '8 * 1024', '9 * 1024'],
    ['1', 'a token with crit is refused', 'header.crit !== undefined', 'false'],
    ['1', 'a token names its key if there are several', 'kid === undefined && several', 'false'],
    ['1', 'the key decides the algorithm', 'each.alg === wanted.alg', 'true'],
    ['4a', 'an invitation is for one store', 'invitation.storeId !== storeId', 'false'],
    ['4a', 'an invitation is for one cart', 'invitation.cartId !== cartId', 'false'],
    ['1', 'the parts of a token are canonical base64url', '[\\\\w-][AQgw]', '[\\\\w-][\\\\w-]'],
    ['1', 'both tokens are of one store', 'account.storeId !== storeId', 'false'],
  ],
  'src/tokens/account-tokens.ts': [
    ['1a', 'an ID token is refused', "if (rules.typ === 'JWT') refuse", 'if (false) refuse'],
    ['1a', 'a machine is refused', 'clients.includes(sub)', 'false'],
    ['1a', 'a required claim has exactly its value', '!== value)', '=== undefined)'],
    ['1a', 'a way steps through objects only',
      "typeof found === 'object' && found !== null && Object.hasOwn(found, name)",
      'found !== null && found !== undefined'],
    ['1a', 'the address of the keys is not that of the other kind', '?.href !== URL', '?.href === URL'],
  ],
  'src/tokens/verified-tokens.ts': [
    ['1', 'a token that expires is refused from then on', ' && seconds < until', ''],
  ],
  'src/tokens/jwk.ts': [
    ['1', 'a key whose use is not sig is refused', "v.literal('sig')", 'v.string()'],
    ['1', 'a key of small order is refused', 'return !SMALL_ORDER.has', 'return !!SMALL_ORDER.has'],
  ],
  'src/tokens/keys.ts': [
    ['8', 'public keys only are published', "alg === 'HS256' ? undefined", 'false ? undefined'],
  ],
  'src/tokens/remote-keys.ts': [
    ['1', 'an unknown kid fetches keys once in 30 s', 'PAUSE_MS = 30_000', 'PAUSE_MS = 1_000'],
    ['1', 'one fetched key needs no kid', 'this.#keys.length > 1', 'true'],
  ],
  'src/request/caller.ts': [
    ['2', 'a guest may do nothing', "grantType === 'client_credentials'", 'grantType'],
    ['2', 'an account token narrows the call', 'if (account !== undefined)',
      "if (account !== undefined && grantType === 'implicit')"],
    ['2', 'an empty account token is absent', "if (token === '') return undefined", ''],
    ['2', 'a bad account token is refused with 403', 'ApiError(403, [{ title }]',
      'ApiError(401, [{ title }]'],
    ['9', 'a 401 carries WWW-Authenticate', "'WWW-Authenticate': challenge", ''],
    ['9', 'servers are not limited', "caller?.kind === 'shopper'", 'caller !== undefined'],
  ],
  'src/request/accounts.ts': [
    ['4', 'a shopper names its own account', '!accountIds.includes(caller.accountId)', 'false'],
    ['4a', 'if claims are invited, an id alone claims nothing', "claims === 'open'", 'true'],
    ['4a', 'an unclaimed invitation claims', "|| invited === 'unclaimed'", ''],
    ['4a', 'an unclaimed invitation joins nobody', "invited === 'shared'", 'invited !== undefined'],
    ['4', 'a shopper names one account', 'accountIds.length > 1', 'accountIds.length > 100'],
  ],
  'src/request/path.ts': [
    ['7a', 'only a server erases an account', "caller.kind !== 'server'", 'false'],
    ['9', 'the cart id is a safe id', 'if (isSafeId(id)) return id', 'if (id) return id'],
  ],
  'src/request/client.ts': [
    ['8', 'a wrong secret is refused', '!matches.includes(true)', 'false'],
    ['8', 'an implicit-only key gets no server token', 'if (key.secretDigest === null) throw',
      'if (key.secretDigest === null) return; else if (key.secretDigest === undefined) throw'],
  ],
  'src/storage/associations.ts': [
    ['2', 'a cart cannot be taken over', 'const claimant = sql`',
      'const claimant = true ? given : sql`'],
    ['4', 'the cart that was asked for last is first', ' or ${first} <> ${cartId}', ''],
    ['4', 'a use counts up from the last one, whatever two clocks say',
      '1 + coalesce(${latestUse}, 0)', '0'],
    ['4', 'a lost acknowledgement still answers 200', '${requestId} = excluded', '1 = excluded'],
    ['4', 'one new account is enough for 200', 'written.some(',
      'written.length === accountIds.length && written.some('],
    ['4', 'a taken cart is 403', 'TAKEN.test(reason)', 'false'],
    ['13', 'a full account is 409', 'FULL.test(reason)', 'false'],
    ['13', 'an account has no more carts than it may', " - 1)`", ')`'],
    ['7', 'a shopper removes no cart that another account has', ' and not exists ${anyOther}', ''],
    ['5', 'DELETE removes the named accounts only',
      ' and ${accountId} in (select value from ${givenIds})', ''],
  ],
  'src/storage/association-lists.ts': [
    ['6', 'a shopper sees its own account', 'if (visible === undefined) return firstOfCart',
      'return firstOfCart'],
    ['6', 'the oldest association is first', '[asc(createdAt), asc(accountId)]',
      '[asc(accountId)]'],
    ['7', 'the cart that was used last is first', '[desc(usedAt), asc(cartId)]',
      '[asc(cartId)]'],
    ['7', 'counting stops at 10,100', '.limit(MAX_COUNTED)', ''],
  ],
  'src/storage/lifetime.ts': [
    ['4', 'an account with one cart writes once a day', 'staleAt: now - freshMs', 'staleAt: now'],
    ['4', 'a use far ahead comes from a wrong clock', 'SKEW_MS = 5 * 60', 'SKEW_MS = 5000 * 60'],
    ['13', 'an expired association is absent', 'ttlMs === undefined ? -1', 'true ? -1'],
  ],
  'src/storage/erasure.ts': [
    ['7a', 'more than one request removes is 503', 'if (remaining.length === 0) return', 'return'],
  ],
  'src/storage/database.ts': [
    ['9', 'the database is tried 3 times', 'MAX_ATTEMPTS = 3', 'MAX_ATTEMPTS = 2'],
    ['9', 'a stalled database is 503 after 5 s', 'DEADLINE_MS = 5_000', 'DEADLINE_MS = 9_000'],
    ['12', 'a malformed bookmark is ignored', ' && BOOKMARK.test(bookmark)', ''],
    ['12', 'a write asks the primary', "new Database(d1.withSession('first-primary'))",
      "new Database(d1.withSession('first-unconstrained'))"],
    ['12', 'a late bookmark asks the primary', 'WAIT_MS = 1_000', 'WAIT_MS = 9_000'],
  ],
  'src/storage/shards.ts': [
    ['14', 'the longest match wins', 'one < other ? 1 : -1', 'one < other ? -1 : 1'],
    ['14', 'an exact id wins over a prefix', '`${pattern}~`', 'pattern'],
    ['14', 'a database of a rule holds the stores of its rules only',
      '!rules.some(([, homes]) => homes.includes(home))', 'true'],
    ['14', 'a database that only the next rules name holds no store',
      "restOf(last, restOf('STORE_PLACEMENT', old, rules), nextRules)", "restOf('STORE_PLACEMENT', old, rules)"],
    ['14', 'a store that moves is not written', 'homeIn(shards.future, storeId) === home', 'true'],
  ],
  'src/storage/d1-errors.ts': [
    ['9', 'a fault of ours is 500', "if (FAULT.test(reason)) return 'fault'", ''],
    ['9', 'only time helps an export', "if (LASTING.test(reason)) return 'lasting'", ''],
    ['9', 'whatever else it says is 503', ": 'unknown'", ": 'fault'"],
  ],
  'src/rate-limits.ts': [
    ['9', 'an IPv6 address counts by its first 64 bits', 'slice(0, 4)', 'slice(0, 8)'],
  ],
  'src/request/preconditions.ts': [
    ['9', 'a conditional write is refused', 'c.req.header(name) !== undefined', 'false'],
  ],
  'src/limits.ts': [
    ['4', 'a body names 100 accounts at most', 'MAX_ACCOUNTS = 100', 'MAX_ACCOUNTS = 101'],
    ['4', 'a body is 64 KiB at most', 'MAX_BODY_BYTES = 64', 'MAX_BODY_BYTES = 65'],
    ['4', 'a body is complete within 10 s', 'DEADLINE_SECONDS = 10', 'DEADLINE_SECONDS = 30'],
  ],
}
