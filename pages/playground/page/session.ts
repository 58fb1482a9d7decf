// What npm start gives to the page: the shoppers who can sign in, and the client id.
import * as v from 'valibot'

const account = v.object({ name: v.string(), accountId: v.string(), accountToken: v.string() })
const session = v.object({
  clientId: v.string(),
  /** Absent if an issuer elsewhere signs the account tokens: npm start cannot. */
  accounts: v.optional(v.object({ ada: account, ben: account })),
})

/** A shopper who can sign in, and the token that proves it. */
export type Account = v.InferOutput<typeof account>
export type Session = v.InferOutput<typeof session>

export const SESSION_PATH = '/playground/session.json'

export async function loadSession(): Promise<Session> {
  const response = await fetch(SESSION_PATH, { cache: 'no-store' })
  return v.parse(session, await response.json())
}
