// What follows from a failure to authenticate, whatever failed (contract, section 9).
import type { Bindings } from '../bindings.ts'
import type { ApiError } from '../errors.ts'
import { limitFailures } from '../rate-limits.ts'

/**
 * Counts the failure against the address, then answers it; any other error goes on.
 *
 * @throws ApiError the answer, or 429 where the address has failed too often
 */
export async function refuse<Refusal extends Error>(
  { env, req }: { env: Bindings; req: { raw: Request } },
  error: unknown,
  kind: abstract new (...args: never) => Refusal,
  answer: (refusal: Refusal) => ApiError,
): Promise<never> {
  if (!(error instanceof kind)) throw error
  await limitFailures(env, req.raw)
  throw answer(error)
}
