// Mutants of the rules of both tokens (contract, section 1).
import type { HandMadeSet } from '../mutant.ts'

export const verify: HandMadeSet = {
  file: 'src/tokens/verify.ts',
  mutants: [
    { name: 'takes any typ', find: '    typ,\n    issuer,', replace: '    issuer,' },
    { name: 'takes any issuer', find: '    issuer,\n    audience,', replace: '    audience,' },
    {
      name: 'takes any audience',
      find: '    audience,\n    requiredClaims',
      replace: '    requiredClaims',
    },
    {
      name: 'does not require exp',
      find: '!isWhole(exp) || !isWhole(nbf)) throw',
      replace: '!isWhole(nbf)) throw',
    },
    { name: 'does not look at whether nbf is whole', find: ' || !isWhole(nbf)', replace: '' },
    { name: 'does not look at whether iat is whole', find: '!isWhole(iat) || ', replace: '' },
    {
      name: 'takes times that are not whole',
      find: 'Number.isSafeInteger(value)',
      replace: "typeof value === 'number'",
    },
    {
      name: 'takes infinite times',
      find: 'Number.isSafeInteger(value)',
      replace: 'Number.isFinite(value)',
    },
    { name: 'tolerates no difference of clocks', find: 'SECONDS = 5', replace: 'SECONDS = 0' },
    { name: 'tolerates 4 s between clocks', find: 'SECONDS = 5', replace: 'SECONDS = 4' },
    { name: 'tolerates 6 s between clocks', find: 'SECONDS = 5', replace: 'SECONDS = 6' },
    { name: 'tolerates a minute between clocks', find: 'SECONDS = 5', replace: 'SECONDS = 60' },
    {
      name: 'tolerates no difference of clocks for exp',
      find: 'clockTolerance: CLOCK_TOLERANCE_SECONDS',
      replace: 'clockTolerance: 0',
    },
    {
      name: 'tolerates no difference of clocks for iat',
      find: '/ 1000 + CLOCK_TOLERANCE_SECONDS',
      replace: '/ 1000',
    },
    { name: 'lets a token live 31 days', find: '30 * 24', replace: '31 * 24' },
    { name: 'lets a token live 29 days', find: '30 * 24', replace: '29 * 24' },
    {
      name: 'lets a token live for ever',
      find: 'exp - iat > MAX_LIFETIME_SECONDS',
      replace: 'false',
    },
    {
      name: 'looks at what is left of a life, not at all of it',
      find: 'exp - iat >',
      replace: 'exp - now.getTime() / 1000 >',
    },
    { name: 'takes a token of 7 KiB at most', find: '8 * 1024', replace: '7 * 1024' },
    { name: 'takes a token of 9 KiB', find: '8 * 1024', replace: '9 * 1024' },
    {
      name: 'takes a token of any length',
      find: "if (token.length > MAX_TOKEN_BYTES) throw new TokenRefused('too_long')\n",
      replace: '',
    },
    {
      name: 'takes padding in a last character',
      find: '[\\\\w-][AQgw]',
      replace: '[\\\\w-][\\\\w-]',
    },
    {
      name: 'takes other bits in a last character of three',
      find: '[AEIMQUYcgkosw048]',
      replace: '[\\\\w-]',
    },
    { name: 'takes a fourth part', find: '${CANONICAL}$`', replace: '${CANONICAL}`' },
    { name: 'takes something before the token', find: '`^${CANONICAL}', replace: '`${CANONICAL}' },
    { name: 'takes no last character of two', find: '[\\\\w-][AQgw]|', replace: '' },
    {
      name: 'takes the algorithm that the token names',
      find: "  if (key.alg !== alg) throw new TokenRefused('wrong_algorithm')\n",
      replace: '',
    },
    {
      name: 'ignores crit',
      find: "  if (crit !== undefined) throw new TokenRefused('critical_header')\n",
      replace: '',
    },
    {
      name: 'takes the first of several keys where none is named',
      find: "  if (kid === undefined && several) throw new TokenRefused('unnamed_key')\n",
      replace: '',
    },
    {
      name: 'refuses every token that names no key',
      find: 'kid === undefined && several',
      replace: 'kid === undefined',
    },
    { name: 'takes two keys for one', find: 'local.length > 1', replace: 'local.length > 2' },
    {
      name: 'takes one key for several',
      find: 'local.length > 1',
      replace: 'local.length > 0',
    },
    {
      name: 'does not count the keys that an issuer publishes',
      find: 'local.length > 1 || remote !== undefined',
      replace: 'local.length > 1',
    },
    {
      name: 'takes the only key for a token that names another',
      find: 'kid === undefined || each.kid === kid',
      replace: 'local.length === 1 || each.kid === kid',
    },
    {
      name: 'asks the issuer first',
      find: 'key === undefined && remote !== undefined',
      replace: 'remote !== undefined',
    },
    {
      name: 'takes any client id',
      find: '!isSafeId(sub) || !isSafeId(store_id)',
      replace: '!isSubject(sub) || !isSafeId(store_id)',
    },
    {
      name: 'takes any store id',
      find: '!isSafeId(sub) || !isSafeId(store_id)',
      replace: "!isSafeId(sub) || typeof store_id !== 'string'",
    },
    {
      name: 'takes any account id',
      find: '!isSafeId(account_id)',
      replace: "typeof account_id !== 'string'",
    },
    {
      name: 'takes an account token of another store',
      find: "  if (store_id !== storeId) throw new TokenRefused('wrong_store')\n",
      replace: '',
    },
    {
      name: 'takes an account token that names no store',
      find: 'store_id !== storeId',
      replace: 'store_id !== undefined && store_id !== storeId',
    },
    {
      name: 'takes an access token as an account token',
      find: "'account+jwt', trust, now)",
      replace: "'at+jwt', trust, now)",
    },
    {
      name: 'takes an account token as an access token',
      find: "'at+jwt', trust, now)",
      replace: "'account+jwt', trust, now)",
    },
    {
      name: 'takes any grant type',
      find: "value === 'implicit' || value === 'client_credentials'",
      replace: "typeof value === 'string'",
    },
    {
      name: 'looks at nbf and exp at another time',
      find: 'currentDate: now,',
      replace: 'currentDate: new Date(0),',
    },
    {
      name: 'answers 500 to a forged token',
      find: 'throw error instanceof errors.JOSEError ? new TokenRefused(refusalOf(error)) : error',
      replace: 'throw error',
    },
    { name: 'does not look at the times', find: '  checkTimes(claims, now)\n', replace: '' },
    {
      name: 'believes no token that it has verified before',
      find: 'if (known !== undefined) {',
      replace: 'if (known === null) {',
    },
    {
      name: 'lets the keys of tokens that it knows grow old',
      find: '    if (keysVersion > 0) keys.remote?.refreshWhenOld()\n',
      replace: '',
    },
    {
      name: 'hears of no change of the keys',
      find: 'const keysVersion = keys.remote?.version ?? 0',
      replace: 'const keysVersion = 0',
    },
    {
      name: 'takes what it has verified for verified with the newest keys',
      find: 'verified.remember(token, claims, keysVersion)',
      replace: 'verified.remember(token, claims, keys.remote?.version ?? 0)',
    },
    {
      name: 'remembers what it refuses',
      find: '  const claims = await verifyAnew(token, typ, trust, now)\n',
      replace:
        "  const claims = await verifyAnew(token, typ, trust, now).catch((error) => {\n    const part = token.split('.')[1] ?? ''\n    verified.remember(token, JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/'))), keysVersion)\n    throw error\n  })\n",
    },
    {
      name: 'takes a token for another that begins alike',
      find: '  const { verified, keys } = trust\n',
      replace:
        '  const { keys } = trust\n  const verified = {\n    recall: (...[text, ...more]) => trust.verified.recall(text.slice(0, -40), ...more),\n    remember: (...[text, ...more]) => trust.verified.remember(text.slice(0, -40), ...more),\n  }\n',
    },
    {
      name: 'tells of an expiry before the signature',
      find: "return 'wrong_signature'",
      replace: "return 'expired'",
    },
  ],
}

export const subject: HandMadeSet = {
  file: 'src/subject.ts',
  mutants: [
    { name: 'takes a subject with spaces', find: '[\\x21-\\x7e]', replace: '[\\x20-\\x7e]' },
    {
      name: 'takes a subject with a delete character',
      find: '[\\x21-\\x7e]',
      replace: '[\\x21-\\x7f]',
    },
    { name: 'takes a subject of 256 characters', find: '{1,255}$/', replace: '{1,256}$/' },
    { name: 'takes a subject of 254 characters at most', find: '{1,255}$/', replace: '{1,254}$/' },
    { name: 'takes an empty subject', find: '{1,255}$/', replace: '{0,255}$/' },
  ],
}
