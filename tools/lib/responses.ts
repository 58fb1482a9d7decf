// What commands read from responses: redirects, which none follows, and why something was refused.
import * as v from 'valibot'

const REDIRECTS = [301, 302, 303, 307, 308]
const refusal = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ errors: v.tuple([v.object({ detail: v.string() })]) }),
)

/** Where a response redirects to, in words; undefined if it does not. Ask with `redirect: 'manual'`. */
export function redirectionOf(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  url: string,
): string | undefined {
  if (!REDIRECTS.includes(status)) return undefined
  const target = URL.parse(headers.get('location') ?? '', url)?.origin ?? 'no address'
  return `answers ${status}, a redirect to ${target}, which is not followed`
}

/** The detail of a refusal; undefined if the body is none. */
export function detailOf(body: string): string | undefined {
  const result = v.safeParse(refusal, body)
  return result.success ? result.output.errors[0].detail : undefined
}

/** The words of the cause, which fetch puts inside its own error. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message
}
