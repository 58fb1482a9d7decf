// What a person sees of a request: one short line, made of the Worker's log line.
import * as v from 'valibot'
import { styled } from './command-line.ts'

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
