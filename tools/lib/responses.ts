// What commands read from responses: redirects, which none follows, and why something was refused.
import * as v from 'valibot'
import { styled } from './command-line.ts'

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

// What a person sees of a request: one short line, made of the Worker's log line.
const logLine = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    // Absent if another Worker calls.
    method: v.optional(v.string()),
    route: v.optional(v.string(), '(no route)'),
    status: v.number(),
    reason: v.optional(v.string()),
  }),
)

/** Returns any other line as it is. */
export function requestLine(line: string): string {
  const parsed = v.safeParse(logLine, line)
  if (!parsed.success) return line
  const { method, route, status, reason } = parsed.output
  const coloured = styled(status < 400 ? 'green' : 'red', String(status))
  const request = method === undefined ? route : `${method} ${route}`
  return `${coloured} ${request}${reason === undefined ? '' : `: ${reason}`}`
}
