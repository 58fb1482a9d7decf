// Whether two contestants answer alike: a peer that does less than the service proves nothing.
import { CommandError } from '../../tools/lib/command-line.ts'
import type { Contestant } from '../contestants.ts'
import { loadsOf, OPERATIONS, type OperationName } from '../operations.ts'
import type { Shopper } from '../shoppers.ts'

export interface Answer {
  status: number
  /** Parsed; `undefined` where there is none. What differs each time is `VARYING`. */
  body: unknown
}

const VARYING = 'varies'

/** What differs each time, by its name, where it has this form. */
const MEMBERS_THAT_VARY: Record<string, RegExp> = {
  access_token: /^[\w-]+\.[\w-]+\.[\w-]+$/,
  created_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  updated_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  expires: /^\d{10}$/,
}

/** The answer to one request of each operation, by a shopper that the contestant has not seen yet. */
export async function answersOf(
  { url }: Pick<Contestant, 'url'>,
  shopper: Shopper,
): Promise<Record<OperationName, Answer>> {
  const loads = loadsOf([shopper])
  const ask = async (operation: OperationName): Promise<Answer> => {
    const [request] = loads[operation].requests
    if (request === undefined) throw new Error(`There is no request for: ${operation}`)
    const { method, path, headers, body } = request
    const response = await fetch(new URL(path, url), { method, headers, body: body ?? null })
    const text = await response.text()
    const { origin } = new URL(url)
    return { status: response.status, body: text === '' ? undefined : parse(text, origin) }
  }
  // One after the other: the association is new, then repeated, then listed.
  return {
    'new association': await ask('new association'),
    'repeated association': await ask('repeated association'),
    'refused token': await ask('refused token'),
    'list of carts': await ask('list of carts'),
    'token request': await ask('token request'),
  }
}

/** @throws CommandError naming the operation and the member that differs */
export function requireSameAnswers(
  name: string,
  expected: Record<OperationName, Answer>,
  actual: Record<OperationName, Answer>,
): void {
  for (const operation of OPERATIONS) {
    const difference = differenceBetween(expected[operation], actual[operation], '')
    if (difference === undefined) continue
    throw new CommandError(`${name} does not answer as the service: ${operation}, ${difference}`)
  }
}

function parse(text: string, origin: string): unknown {
  try {
    return JSON.parse(text, (member, value: unknown) => {
      if (MEMBERS_THAT_VARY[member]?.test(String(value))) return VARYING
      return typeof value === 'string' && value.startsWith(`${origin}/`)
        ? value.slice(origin.length)
        : value
    })
  } catch {
    return text
  }
}

/** The first member that is not the same, and both its values. */
function differenceBetween(expected: unknown, actual: unknown, member: string): string | undefined {
  if (!isComposite(expected) || !isComposite(actual) || kindOf(expected) !== kindOf(actual)) {
    if (Object.is(expected, actual)) return undefined
    return `${member} is ${textOf(actual)}, not ${textOf(expected)}`
  }
  const [wanted, found] = [expected, actual].map((each) => new Map(Object.entries(each)))
  for (const name of new Set([...(wanted?.keys() ?? []), ...(found?.keys() ?? [])])) {
    const step = Array.isArray(expected) ? `[${name}]` : `${member === '' ? '' : '.'}${name}`
    const difference = differenceBetween(wanted?.get(name), found?.get(name), member + step)
    if (difference !== undefined) return difference
  }
  return undefined
}

function isComposite(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function kindOf(value: object): string {
  return Array.isArray(value) ? 'array' : 'object'
}

function textOf(value: unknown): string {
  return JSON.stringify(value) ?? 'absent'
}
