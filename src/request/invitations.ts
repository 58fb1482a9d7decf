// Invitations (contract, section 4a): what a new one shall allow, and what the one beside a write allows.
import type { Context, MiddlewareHandler } from 'hono'
import * as v from 'valibot'
import type { Bindings } from '../bindings.ts'
import { ApiError } from '../errors.ts'
import { INVITATION_SECONDS, isWithin, rangeRule } from '../limits.ts'
import { loadSettings } from '../settings.ts'
import type { Invitation } from '../tokens/kinds.ts'
import { type TokenRefusal, TokenRefused } from '../tokens/refusal.ts'
import { verifyInvitation } from '../tokens/verify.ts'
import { notPermitted } from './accounts.ts'
import { readOptionalJson } from './body.ts'
import type { Caller, CallerVariables } from './caller.ts'
import type { CartVariables } from './path.ts'

export interface InvitationVariables {
  /** The invitation beside a write, if it is good for this cart. */
  invitation?: Invitation
  invitationLog?: InvitationLog
}

/** What the log says of an invitation, which is stored nowhere. */
export interface InvitationLog {
  /** Names the invitation that was made, or that came beside a write. */
  jti?: string
  /** The subject of the caller who made it. */
  invited_by?: string
  /** Why the invitation beside a write counts as none. */
  invitation?: TokenRefusal | 'wrong_claim'
}

interface InvitationEnv {
  Bindings: Bindings
  Variables: CallerVariables & CartVariables & InvitationVariables
}

const INVITATION_HEADER = 'X-Cart-Invitation'

const invitationSchema = v.object({
  type: v.literal('cart_invitation'),
  claim: v.optional(v.picklist(['shared', 'unclaimed'])),
  expires_in: v.optional(
    v.pipe(
      v.number(),
      v.check((seconds) => isWithin(seconds, INVITATION_SECONDS)),
    ),
    INVITATION_SECONDS.default,
  ),
})

const RULES: Record<string, string> = {
  type: 'must be cart_invitation',
  claim: 'must be shared or unclaimed',
  expires_in: rangeRule(INVITATION_SECONDS),
}

/** What a new invitation shall allow, and for how many seconds. */
export interface InvitationRequestVariables {
  asked: { claim: Invitation['claim']; expiresIn: number }
}

/**
 * Puts what a new invitation shall allow on the context.
 *
 * @throws ApiError 400, 408, 413 or 415 for the body, 403 if a shopper asks for what a server may
 */
export function requireInvitationRequest(): MiddlewareHandler<{
  Variables: CallerVariables & InvitationRequestVariables
}> {
  return async function requireInvitationRequest(c, next) {
    c.set('asked', parseInvitation(await readOptionalJson(c.req.raw), c.get('caller')))
    await next()
  }
}

function parseInvitation(body: unknown, caller: Caller): InvitationRequestVariables['asked'] {
  const given = body === undefined ? { data: { type: 'cart_invitation' } } : body
  const result = v.safeParse(v.object({ data: invitationSchema }), given, { abortEarly: true })
  if (!result.success) throw invalid(v.getDotPath(result.issues[0]) ?? 'data')
  const { claim, expires_in: expiresIn } = result.output.data
  const isServer = caller.kind === 'server'
  if (claim === 'unclaimed' && !isServer) throw notPermitted('server_only')
  return { claim: claim ?? (isServer ? 'unclaimed' : 'shared'), expiresIn }
}

function invalid(source: string): ApiError {
  const member = source.slice('data.'.length)
  const detail = member === '' ? 'data must be an object' : `${member} ${RULES[member]}`
  return new ApiError(400, [{ title: 'Invalid json payload', detail, source }])
}

/**
 * Puts the invitation on the context that a shopper brings. One that is not good for this cart counts as
 * none, so that a repeat with an old one is still answered 204; the log says why.
 */
export function readInvitation(): MiddlewareHandler<InvitationEnv> {
  return async function readInvitation(c, next) {
    const token = c.req.header(INVITATION_HEADER) ?? ''
    if (token !== '' && c.get('caller').kind === 'shopper') await verifyBeside(c, token)
    await next()
    // Good, but the cart has accounts and it claims, or has none and it joins.
    const { jti } = c.get('invitation') ?? {}
    if (jti && c.res.status === 403) c.set('invitationLog', { jti, invitation: 'wrong_claim' })
  }
}

async function verifyBeside(c: Context<InvitationEnv>, token: string): Promise<void> {
  const { invitations } = await loadSettings(c.env)
  try {
    const invitation = await verifyInvitation(token, invitations, new Date(), c.get('cart'))
    c.set('invitation', invitation)
    c.set('invitationLog', { jti: invitation.jti })
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    c.set('invitationLog', { invitation: error.reason })
  }
}
