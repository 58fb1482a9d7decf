// Mutants of who may do what, and of how a refusal is answered (contract, sections 2, 3, 8 and 9).
import type { HandMadeSet } from '../mutant.ts'

export const caller: HandMadeSet = {
  file: 'src/request/caller.ts',
  mutants: [
    {
      name: 'lets implicit tokens in as servers',
      find: "access.grantType === 'client_credentials'",
      replace: 'true',
    },
    {
      name: 'lets no server in',
      find: "access.grantType === 'client_credentials'",
      replace: 'false',
    },
    {
      name: 'lets a server act beyond its account token',
      find: 'if (account !== undefined) {',
      replace: "if (account !== undefined && access.grantType === 'implicit') {",
    },
    {
      name: 'takes the client for the account',
      find: 'accountId: account.accountId',
      replace: 'accountId: access.clientId',
    },
    {
      name: 'takes the account for the member',
      find: 'subject: account.memberId',
      replace: 'subject: account.accountId',
    },
    {
      name: 'takes the client for the member',
      find: 'subject: account.memberId',
      replace: 'subject: access.clientId',
    },
    {
      name: 'ignores a bad account token',
      find: '    refuse(c, error, TokenRefused, accountTokenRefused),\n',
      replace: '    undefined,\n',
    },
    {
      name: 'reads no account token',
      find: "token === undefined || token === ''",
      replace: 'true',
    },
    {
      name: 'refuses an empty account token',
      find: "token === undefined || token === ''",
      replace: 'token === undefined',
    },
    {
      name: 'answers 401 to a bad account token',
      find: 'return new ApiError(403, [{ title }], { cause: refusal })',
      replace: 'return new ApiError(401, [{ title }], { cause: refusal })',
    },
    {
      name: 'answers 403 to a bad access token',
      find: "new ApiError(401, [{ title: 'Unable",
      replace: "new ApiError(403, [{ title: 'Unable",
    },
    {
      name: 'leaves out the challenge',
      find: "    headers: { 'WWW-Authenticate': challenge },\n",
      replace: '',
    },
    { name: 'logs no refusal of an access token', find: '    cause: refusal,\n', replace: '' },
    {
      name: 'logs no refusal of an account token',
      find: '[{ title }], { cause: refusal }',
      replace: '[{ title }]',
    },
    {
      name: 'tells the reason',
      find: "title: 'Unable to validate access token', detail",
      replace: "title: 'Unable to validate access token', detail: refusal.reason",
    },
    {
      name: 'tells no expiry',
      find: "title: 'Unable to validate access token', detail",
      replace: "title: 'Unable to validate access token'",
    },
    { name: 'wants the scheme in one case', find: '(.+)$/i', replace: '(.+)$/' },
    { name: 'takes any scheme', find: '/^Bearer +(.+)$/i', replace: '/^\\w+ +(.+)$/i' },
    {
      name: 'takes a token without its scheme',
      find: "?.[1] ?? ''",
      replace: '?.[1] ?? authorization',
    },
    {
      name: 'wants one space after the scheme',
      find: '/^Bearer +(.+)$/i',
      replace: '/^Bearer (.+)$/i',
    },
    {
      name: 'limits nobody',
      find: "    if (caller.kind === 'shopper') await limitAccount(c.env, caller.storeId, caller.accountId)\n",
      replace: '',
    },
    {
      name: 'limits by account alone',
      find: 'limitAccount(c.env, caller.storeId, caller.accountId)',
      replace: "limitAccount(c.env, 'any', caller.accountId)",
    },
    {
      name: 'limits by store alone',
      find: 'limitAccount(c.env, caller.storeId, caller.accountId)',
      replace: "limitAccount(c.env, caller.storeId, 'any')",
    },
    {
      name: 'limits servers',
      find: "if (caller.kind === 'shopper') await limitAccount(c.env, caller.storeId, caller.accountId)",
      replace: 'await limitAccount(c.env, caller.storeId, caller.subject)',
    },
    {
      name: 'counts no access token that is refused',
      find: 'refuse(c, error, TokenRefused, unauthorized)',
      replace: '{ throw error instanceof TokenRefused ? unauthorized(error) : error }',
    },
    {
      name: 'counts no account token that is refused',
      find: 'refuse(c, error, TokenRefused, accountTokenRefused)',
      replace: '{ throw error instanceof TokenRefused ? accountTokenRefused(error) : error }',
    },
    {
      name: 'looks at the account token first',
      find: "      const access = await identifyClient(c, settings, now)\n      c.set('access', access)\n      const account = await identifyAccount(c, settings, now, access.storeId)",
      replace:
        "      const account = await identifyAccount(c, settings, now, 'demo')\n      const access = await identifyClient(c, settings, now)\n      c.set('access', access)",
    },
    {
      name: 'verifies account tokens as access tokens are',
      find: '{ accountTokens }: Settings',
      replace: '{ accessTokens: accountTokens }: Settings',
    },
    {
      name: 'verifies access tokens as account tokens are',
      find: '{ accessTokens }: Settings',
      replace: '{ accountTokens: accessTokens }: Settings',
    },
  ],
}

export const client: HandMadeSet = {
  file: 'src/request/client.ts',
  mutants: [
    {
      name: 'asks for no secret',
      find: "  if (request.grant_type === 'client_credentials') await requireSecret(request.client_secret, key)\n",
      replace: '',
    },
    {
      name: 'takes a wrong secret',
      find: "  if (!matches) throw new ClientRefused('wrong_secret')\n",
      replace: '',
    },
    {
      name: 'takes a key for the implicit grant alone as a server',
      find: "  if (key.secretDigest === null) throw new ClientRefused('implicit_only')\n",
      replace: '  if (key.secretDigest === null) return\n',
    },
    {
      name: 'compares no secret of an unknown client',
      find: '  const matches = await matchesDigest(secret, key?.secretDigest ?? undefined)\n',
      replace:
        "  if (key === undefined) throw new ClientRefused('unknown_client')\n  const matches = await matchesDigest(secret, key.secretDigest ?? undefined)\n",
    },
    {
      name: 'compares no secret where the key has none',
      find: '  const matches = await matchesDigest(secret, key?.secretDigest ?? undefined)\n',
      replace:
        "  if (key?.secretDigest === null) throw new ClientRefused('implicit_only')\n  const matches = await matchesDigest(secret, key?.secretDigest)\n",
    },
    {
      name: 'tells an unknown client from a wrong secret',
      find: "'The client id or the client secret is wrong'",
      replace: 'refusal.message',
    },
    {
      name: 'leaves out the challenge',
      find: "    headers: { 'WWW-Authenticate': 'Bearer' },\n",
      replace: '',
    },
    { name: 'logs no refusal', find: '    cause: refusal,\n', replace: '' },
    {
      name: 'answers 403',
      find: "new ApiError(401, [{ title: 'Unauthorized'",
      replace: "new ApiError(403, [{ title: 'Unauthorized'",
    },
    {
      name: 'counts no client that is refused',
      find: 'refuse(c, error, ClientRefused, unauthorized)',
      replace: '{ throw error instanceof ClientRefused ? unauthorized(error) : error }',
    },
    {
      name: 'grants what was not asked for',
      find: "c.set('access', { clientId, storeId, grantType })",
      replace: "c.set('access', { clientId, storeId, grantType: 'client_credentials' })",
    },
    {
      name: 'lets tokens be cached',
      find: "    c.set('cacheControl', 'no-store')\n",
      replace: '',
    },
    {
      name: 'takes the client for its store',
      find: "c.set('access', { clientId, storeId, grantType })",
      replace: "c.set('access', { clientId, storeId: clientId, grantType })",
    },
  ],
}

export const failures: HandMadeSet = {
  file: 'src/request/failures.ts',
  mutants: [
    { name: 'counts no failure', find: '  await limitFailures(env, req.raw)\n', replace: '' },
    {
      name: 'answers before it has counted',
      find: '  await limitFailures(env, req.raw)\n',
      replace: '  void limitFailures(env, req.raw).catch(() => undefined)\n',
    },
    {
      name: 'counts what is no refusal',
      find: '  if (!(error instanceof kind)) throw error\n  await limitFailures(env, req.raw)\n',
      replace: '  await limitFailures(env, req.raw)\n  if (!(error instanceof kind)) throw error\n',
    },
    {
      name: 'answers what is no refusal as if it were one',
      find: 'if (!(error instanceof kind)) throw error',
      replace: 'if (!(error instanceof Error)) throw error',
    },
  ],
}

export const path: HandMadeSet = {
  file: 'src/request/path.ts',
  mutants: [
    {
      name: 'lets a shopper forget an account',
      find: "    if (caller.kind !== 'server') throw notPermitted('server_only')\n",
      replace: '',
    },
    {
      name: 'takes any id',
      find: 'if (isSafeId(id)) return id',
      replace: 'if (id !== undefined) return id',
    },
    {
      name: 'forgets the account in any store',
      find: "c.set('account', { storeId: caller.storeId, accountId })",
      replace: "c.set('account', { storeId: 'demo', accountId })",
    },
  ],
}

export const accounts: HandMadeSet = {
  file: 'src/request/accounts.ts',
  mutants: [
    {
      name: 'lets a shopper act for any account',
      find: "  if (!accountIds.includes(caller.accountId)) throw notPermitted('other_account')\n",
      replace: '',
    },
    {
      name: 'lets a shopper name many accounts',
      find: 'accountIds.length > 1',
      replace: 'accountIds.length > 100',
    },
    {
      name: 'limits a server as a shopper',
      find: "  if (caller.kind === 'server') return\n",
      replace: '',
    },
  ],
}
