// Mutants of which keys are taken, published and believed (contract, section 1).
import type { HandMadeSet } from '../mutant.ts'

export const jwk: HandMadeSet = {
  file: 'src/tokens/jwk.ts',
  mutants: [
    {
      name: 'takes a shared secret of 31 bytes',
      find: 'v.minLength(43,',
      replace: 'v.minLength(42,',
    },
    {
      name: 'refuses a shared secret of 32 bytes',
      find: 'v.minLength(43,',
      replace: 'v.minLength(44,',
    },
    {
      name: 'takes private keys among those that verify',
      find: 'd: v.optional(v.never(',
      replace: 'd: v.optional(v.any(), (',
    },
    { name: 'takes an empty key set', find: 'v.minLength(1,', replace: 'v.minLength(0,' },
    {
      name: 'takes an empty kid',
      find: "v.pipe(v.string(), v.nonEmpty('must not be empty'))",
      replace: 'v.string()',
    },
    {
      name: 'takes keys for encryption',
      find: "v.optional(v.literal('sig'))",
      replace: 'v.optional(v.string())',
    },
    {
      name: 'takes EC keys of any curve',
      find: "crv: v.literal('P-256')",
      replace: 'crv: v.string()',
    },
    {
      name: 'takes a signing key without kid',
      find: 'jwkWith({ kid, use })',
      replace: 'jwkWith({ kid: v.optional(kid), use })',
    },
    {
      name: 'tells the value that was received',
      find: 'throw new SettingsError(`${setting} must be JSON`)',
      replace: 'throw new SettingsError(`${setting} must be JSON, not ${text}`)',
    },
    {
      name: 'tells what valibot tells',
      find: 'v.safeParse(schema, json, { message: describe })',
      replace: 'v.safeParse(schema, json)',
    },
    {
      name: 'takes an RSA key without its factors',
      find: "alg === 'RS256' ? privateHalfOfRsa : privateHalf",
      replace: 'privateHalf',
    },
    {
      name: 'takes a public key for signing',
      find: "alg === 'RS256' ? privateHalfOfRsa : privateHalf",
      replace: 'v.object({})',
    },
  ],
}

export const keys: HandMadeSet = {
  file: 'src/tokens/keys.ts',
  mutants: [
    {
      name: 'takes RSA keys of 1024 bits',
      find: 'MIN_RSA_BITS = 2048',
      replace: 'MIN_RSA_BITS = 1024',
    },
    {
      name: 'refuses RSA keys of 2048 bits',
      find: 'MIN_RSA_BITS = 2048',
      replace: 'MIN_RSA_BITS = 2049',
    },
    {
      name: 'publishes shared secrets',
      find: "alg === 'HS256' ? undefined : { kid, alg, use: 'sig', ...material }",
      replace: "{ kid, alg, use: 'sig', ...material }",
    },
    {
      name: 'publishes nothing',
      find: "alg === 'HS256' ? undefined : { kid, alg, use: 'sig', ...material }",
      replace: 'undefined',
    },
    { name: 'takes one kid twice', find: 'new Set(kids).size < kids.length', replace: 'false' },
    {
      name: 'takes several keys of which one has no kid',
      find: 'keys.length > 1 && kids.includes(undefined)',
      replace: 'false',
    },
    {
      name: 'refuses one key without kid',
      find: 'keys.length > 1 && kids',
      replace: 'keys.length > 0 && kids',
    },
    {
      name: 'takes any key of the algorithm as the pair',
      find: 'return await crypto.subtle.verify(parameters, key, signature, bytes)',
      replace: 'return true',
    },
    {
      name: 'takes a key of another algorithm for a pair',
      find: '  if (alg !== signing.alg) return false\n',
      replace: '',
    },
    {
      name: 'takes the last of two published keys of one name',
      find: 'named.findIndex(',
      replace: 'named.findLastIndex(',
    },
    {
      name: 'takes published keys without kid',
      find: '!success || output.kid === undefined',
      replace: '!success',
    },
    {
      name: 'refuses a whole set for one key that is unsound',
      find: '.catch(() => undefined)\n}',
      replace: '\n}',
    },
    {
      name: 'names no key that is at fault',
      find: '`${setting} keys[${index}]`',
      replace: 'setting',
    },
  ],
}

export const trust: HandMadeSet = {
  file: 'src/tokens/trust.ts',
  mutants: [
    {
      name: 'believes account tokens of the issuer of access tokens',
      find: "optional(bindings, 'ACCOUNT_ISSUER') ?? issuer",
      replace: 'issuer',
    },
    {
      name: 'believes access tokens of the issuer of account tokens',
      find: 'accessTokens: { issuer, audience, keys,',
      replace: 'accessTokens: { issuer: accountIssuer, audience, keys,',
    },
    {
      name: 'verifies account tokens with the keys of access tokens',
      find: "(await trustedKeys(bindings, 'ACCOUNT_JWKS')) ?? keys",
      replace: 'keys',
    },
    {
      name: 'verifies access tokens with the keys of account tokens',
      find: 'accessTokens: { issuer, audience, keys,',
      replace: 'accessTokens: { issuer, audience, keys: accountKeys,',
    },
    {
      name: 'takes a token that it has verified for one of the other kind',
      find: 'accessTokens: { issuer, audience, keys, verified: new VerifiedTokens() },\n    accountTokens: {\n      issuer: accountIssuer,\n      audience,\n      keys: accountKeys,\n      verified: new VerifiedTokens(),\n    },\n',
      replace:
        '...((verified) => ({\n      accessTokens: { issuer, audience, keys, verified },\n      accountTokens: { issuer: accountIssuer, audience, keys: accountKeys, verified },\n    }))(new VerifiedTokens()),\n',
    },
    {
      name: 'believes what other settings have verified',
      find: 'keys, verified: new VerifiedTokens()',
      replace: 'keys, verified: (Object(globalThis).verified ??= new VerifiedTokens())',
    },
    {
      name: 'signs account tokens here too',
      find: "trustedKeys(bindings, 'ACCOUNT_JWKS')",
      replace: "trustedKeys(bindings, 'ACCOUNT_JWKS', signingKey)",
    },
    {
      name: 'verifies nothing where no key is set',
      find: "?? missing('AUTH_JWKS')",
      replace: '?? { local: [], remote: undefined }',
    },
    {
      name: 'does not verify what it signs',
      find: 'requireDistinctKids(name, [...keys, signingKey.verification])',
      replace: 'keys',
    },
    {
      name: 'takes another key under the kid of its own',
      find: 'if (await isPair(signingKey, namesake)) return keys',
      replace: 'return keys',
    },
    {
      name: 'fetches keys over http',
      find: "(protocol === 'http:' && loopback)",
      replace: "protocol === 'http:'",
    },
    {
      name: 'fetches keys from this machine alone',
      find: "protocol === 'https:' || (",
      replace: '(',
    },
    {
      name: 'takes localhost at the end of a name',
      find: "['localhost', '127.0.0.1', '[::1]'].includes(hostname)",
      replace: "['localhost', '127.0.0.1', '[::1]'].some((name) => hostname.endsWith(name))",
    },
    {
      name: 'takes loopback under any protocol',
      find: "(protocol === 'http:' && loopback)",
      replace: 'loopback',
    },
    {
      name: 'takes nameless keys beside published ones',
      find: 'remote !== undefined && local.some(({ kid }) => kid === undefined)',
      replace: 'false',
    },
  ],
}
