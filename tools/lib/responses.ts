// What commands read from responses: JSON, redirects, which none follows, and why something was refused.
import * as v from 'valibot'
import { CommandError, styled } from './command-line.ts'

const REDIRECTS = [301, 302, 303, 307, 308]
const TRY_MS = 10_000
const ready = v.object({ status: v.literal('ok'), placement: v.optional(v.string()) })
const refusal = v.object({ errors: v.tuple([v.object({ detail: v.string() })]) })

/** Parses JSON; undefined if the text is none, or of another form. */
export function parsed<Output>(
  schema: v.GenericSchema<unknown, Output>,
  text: string,
): Output | undefined {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
  return result.success ? result.output : undefined
}

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
  return parsed(refusal, body)?.errors[0].detail
}

/** The words of the cause, which fetch puts inside its own error. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message
}

/**
 * Asks `/readyz` of a deployed Worker.
 *
 * @throws CommandError if it is not ready
 */
export async function askReadiness(url: string): Promise<v.InferOutput<typeof ready>> {
  // Another connection each time may reach another isolate.
  const asked = { headers: { Connection: 'close' }, redirect: 'manual' } as const
  const response = await fetch(url, { ...asked, signal: AbortSignal.timeout(TRY_MS) }).catch(
    (error: unknown) => {
      throw new CommandError(`${url} does not answer: ${reasonOf(error)}`)
    },
  )
  const text = await response.text()
  const redirection = redirectionOf(response, url)
  if (redirection !== undefined) throw new CommandError(`${url} ${redirection}`)
  if (response.status !== 200) {
    throw new CommandError(`${url} is not 200: ${response.status} ${detailOf(text) ?? ''}`.trim())
  }
  // A login page answers 200 too.
  const body = parsed(ready, text)
  if (body !== undefined) return body
  throw new CommandError(`${url} answers 200, and not {"status":"ok"}`)
}

// What a person sees of a request: one short line, made of the Worker's log line.
const logLine = v.object({
  // Absent if another Worker calls.
  method: v.optional(v.string()),
  route: v.optional(v.string(), '(no route)'),
  status: v.number(),
  reason: v.optional(v.string()),
})

/** Returns any other line as it is. */
export function requestLine(line: string): string {
  const logged = parsed(logLine, line)
  if (logged === undefined) return line
  const { method, route, status, reason } = logged
  const coloured = styled(status < 400 ? 'green' : 'red', String(status))
  const request = method === undefined ? route : `${method} ${route}`
  return `${coloured} ${request}${reason === undefined ? '' : `: ${reason}`}`
}
