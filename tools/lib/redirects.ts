// Redirects, which no command follows: tokens and secrets go to the address that was typed, and to no other.

const REDIRECTS = [301, 302, 303, 307, 308]

/** Where a response redirects to, in words; undefined if it does not. Ask with `redirect: 'manual'`. */
export function redirectionOf(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  url: string,
): string | undefined {
  if (!REDIRECTS.includes(status)) return undefined
  const target = URL.parse(headers.get('location') ?? '', url)?.origin ?? 'no address'
  return `answers ${status}, a redirect to ${target}, which is not followed`
}
