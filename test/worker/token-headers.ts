// The two headers that carry a token, each with a good token in the other.
import { accessForgeries, accountForgeries, expired, type Forgery, forgeries } from './forgeries.ts'
import { accessParts, accountParts, type Claims, type Parts, server, sign } from './tokens.ts'

export const grantTypes = ['client_credentials', 'implicit'] as const

export type GrantType = (typeof grantTypes)[number]

export interface TokenHeader {
  kind: 'access' | 'account'
  /** The status of a request whose token in this header is refused. */
  refusal: 401 | 403
  /** Makes the parts of a good token of this kind. */
  parts: (claims: Claims, alg?: string) => Parts
  /** The forgeries that this header must refuse. */
  forgeries: Forgery[]
  /** The headers of a request with this token here, and a good token in the other header. */
  carry: (token: string, grantType: GrantType) => Promise<Record<string, string>>
}

export const tokenHeaders: TokenHeader[] = [
  {
    kind: 'access',
    refusal: 401,
    parts: accessParts,
    forgeries: [...forgeries, ...accessForgeries, expired],
    carry: async (token) => ({
      Authorization: `Bearer ${token}`,
      'EP-Account-Management-Authentication-Token': await sign(accountParts()),
    }),
  },
  {
    kind: 'account',
    refusal: 403,
    parts: accountParts,
    forgeries: [...forgeries, ...accountForgeries],
    carry: async (token, grantType) => ({
      ...(await server('demo', { grant_type: grantType })),
      'EP-Account-Management-Authentication-Token': token,
    }),
  },
]
