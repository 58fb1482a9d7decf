// Mutants of what is issued, to whom, and of how a refusal is told (contract, sections 8 and 9).
import type { HandMadeSet } from '../mutant.ts'

export const refusal: HandMadeSet = {
  file: 'src/tokens/refusal.ts',
  mutants: [
    {
      name: 'tells of an error where no token was sent',
      find: "return { challenge: 'Bearer' }",
      replace: `return { challenge: 'Bearer error="invalid_token"' }`,
    },
    {
      name: 'tells that a token of another store is expired',
      find: "    case 'expired':\n",
      replace: "    case 'expired':\n    case 'wrong_signature':\n",
    },
  ],
}

export const clientSecret: HandMadeSet = {
  file: 'src/tokens/client-secret.ts',
  mutants: [
    {
      name: 'takes every secret',
      find: 'return crypto.subtle.timingSafeEqual(bytes, expected)',
      replace: 'return true',
    },
    {
      name: 'compares in the time that the secret takes',
      find: 'crypto.subtle.timingSafeEqual(bytes, expected)',
      replace: 'bytes.every((byte, index) => byte === expected[index])',
    },
    {
      name: 'compares the first byte alone',
      find: 'timingSafeEqual(bytes, expected)',
      replace: 'timingSafeEqual(bytes.subarray(0, 1), expected.subarray(0, 1))',
    },
    { name: 'digests with SHA-1', find: "'SHA-256'", replace: "'SHA-1'" },
    {
      name: 'digests nothing for an unknown client',
      find: 'digest = NO_DIGEST',
      replace: "digest = ''",
    },
  ],
}

export const issue: HandMadeSet = {
  file: 'src/tokens/issue.ts',
  mutants: [
    { name: 'issues for a day', find: '60 * 60', replace: '24 * 60 * 60' },
    { name: 'issues for a minute', find: '60 * 60', replace: '60' },
    { name: 'issues in milliseconds', find: 'now.getTime() / 1000', replace: 'now.getTime()' },
    {
      name: 'issues times that are not whole',
      find: 'Math.floor(now.getTime() / 1000)',
      replace: 'now.getTime() / 1000',
    },
    { name: 'leaves out typ', find: "{ alg, kid, typ: 'at+jwt' }", replace: '{ alg, kid }' },
    {
      name: 'leaves out kid',
      find: "{ alg, kid, typ: 'at+jwt' }",
      replace: "{ alg, typ: 'at+jwt' }",
    },
    { name: 'leaves out the issuer', find: '    .setIssuer(issuer)\n', replace: '' },
    { name: 'leaves out the audience', find: '    .setAudience(audience)\n', replace: '' },
    { name: 'leaves out the subject', find: '    .setSubject(clientId)\n', replace: '' },
    { name: 'leaves out jti', find: '    .setJti(crypto.randomUUID())\n', replace: '' },
    { name: 'gives every token one jti', find: 'crypto.randomUUID()', replace: "'1'" },
    { name: 'leaves out iat', find: '    .setIssuedAt(issuedAt)\n', replace: '' },
    { name: 'leaves out exp', find: '    .setExpirationTime(expires)\n', replace: '' },
    {
      name: 'names the subject the store',
      find: 'store_id: storeId',
      replace: 'store_id: clientId',
    },
    {
      name: 'grants client_credentials to all',
      find: 'grant_type: grantType',
      replace: "grant_type: 'client_credentials'",
    },
    {
      name: 'answers the time of issue as the expiry',
      find: '    expires,\n    expires_in',
      replace: '    expires: issuedAt,\n    expires_in',
    },
  ],
}
