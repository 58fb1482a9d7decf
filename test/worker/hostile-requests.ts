// Requests that a stranger may send: plain values, to be printed, shrunk and sent again.
import fc from 'fast-check'
import {
  accountBodies,
  type HostileBody,
  hostileText,
  oneOf,
  tokenBodies,
} from './hostile-bodies.ts'

export interface HostileRequest {
  method: string
  path: string
  /** The name in `callers` of the caller whose tokens are sent. */
  caller: string
  /** Added to the caller's headers, or replacing them. */
  headers: Record<string, string>
  body: HostileBody | undefined
}

/** The callers and the resources that requests are made of. */
export interface Cast {
  callers: string[]
  strangers: string[]
  carts: string[]
  accounts: string[]
  client: { clientId: string; secret: string }
}

const methods = fc.constantFrom(
  ...['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'PURGE', 'PROPFIND'],
  ...['SEARCH', 'LOCK', 'MKCOL', 'QUERY', 'REPORT', 'NOTIFY', 'get', 'delete'],
)

const encodedText = hostileText.map((text) => encodeURIComponent(text.toWellFormed()))

const segments = fc.oneof(
  fc.constantFrom(
    ...['', '.', '..', '%2e%2e', '..%2f', '%2F', '%5c', '\\', '%00', '%0A', '%', '%zz', '%25'],
    ...['%ff'],
    ...['%E0%A4%A', '%ED%A0%80', '\ud800', 'é', '💥', '%F0%9F%92%A5', ' ', '*', ':cartID'],
    ...['{cartID}'],
    ...['__proto__', 'constructor', 'toString', '%61bc', 'a%2Db', 'a.b', "a'--", 'a;b=c', 'a,b'],
    ...['@a'],
    ...['a'.repeat(255), 'a'.repeat(256), 'a'.repeat(20_000), '%61'.repeat(255), '%C3'.repeat(90)],
  ),
  encodedText,
  fc.string(),
)

const queryNames = oneOf(
  [4, fc.constantFrom('filter', 'page[limit]', 'page[offset]', 'page[after]')],
  [1, fc.constantFrom('page', 'page%5Blimit%5D', 'page[limit][]', '__proto__', 'FILTER', '')],
  [1, encodedText],
)

const queryValues = fc.oneof(
  fc.constantFrom(
    ...['0', '1', '20', '100', '101', '10000', '10001', '-1', '+1', '1e1', '0x10', '1.0', '٣'],
    ...['%00', ' ', '+', '2,3', '1;2', '5%'],
    ...['00001', '000000', '99999999999999999999', 'NaN', 'Infinity', '', ' 1', '1%20', '[]', '%'],
    ...['contains(account_ids,"")', 'contains(account_ids,"a"', 'contains(account_ids,"a","b")'],
    ...['contains(account_ids,"a%22)', 'eq(id,1)', 'contains(__proto__,"a")', '%E0%A4%A', '\ud800'],
    ...[`contains(account_ids,"${'a'.repeat(9_000)}")`, 'contains(account_ids,__proto__)'],
  ),
  encodedText,
)

/** Header texts that the runtime lets a test send: no byte over 0x7f, no NUL, no line end. */
const headerTexts = fc.oneof(
  fc.string({ unit: 'binary-ascii' }).map((text) => text.replace(/[\0\r\n]/g, '')),
  fc.constantFrom('', ',', ';', '"', '*', '\u0001', '\u007f', '__proto__', 'x'.repeat(20_000)),
)

const bookmark = 'ffffffff-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683'
const types = ['application/json', 'application/vnd.api+json', 'application/x-www-form-urlencoded']

const oddHeaders = fc.dictionary(
  fc.constantFrom(
    ...['Authorization', 'EP-Account-Management-Authentication-Token', 'Content-Type', 'Origin'],
    ...['If-None-Match', 'X-D1-Bookmark', 'Content-Length', 'Access-Control-Request-Headers'],
    ...['Content-Encoding', 'Transfer-Encoding', 'X-Request-Id', 'X-HTTP-Method-Override', 'Host'],
    ...['Access-Control-Request-Method', 'Expect', 'Range', 'Cookie', 'X-Forwarded-For', 'Prefer'],
  ),
  fc.oneof(
    headerTexts,
    fc.constantFrom(
      ...['Bearer', 'Bearer ', 'Bearer a.b.c', 'bearer  x', 'Basic YTpi', 'Bearer x, Bearer y'],
      ...['eyJhbGciOiJub25lIn0.e30.', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer "', 'Bearer\t'],
      `Bearer ${'a'.repeat(9_000)}`,
      ...['0', '-1', '10', '65537', '1e9', '99999999999999999999', '10, 10', 'gzip', 'chunked'],
      ...['"x"', 'W/"x"', '"a", "b"', bookmark, bookmark.toUpperCase(), `${bookmark} `, 'null'],
      ...['text/plain', 'application/json; charset=utf-16', 'application/json, text/plain', '*'],
      ...['DELETE', 'identity', 'W/', '"', '*, *'],
      ...['multipart/form-data; boundary=x', 'https://shop.example', '100-continue', 'bytes=0-1'],
    ),
  ),
  { maxKeys: 3 },
)

/** Requests that mostly get far: something is wrong only now and then. */
export function hostileRequests(cast: Cast): fc.Arbitrary<HostileRequest> {
  const carts = oneOf(
    [8, fc.constantFrom(...cast.carts)],
    [1, fc.stringMatching(/^[\w-]{1,12}$/)],
    [1, segments],
  )
  const accounts = fc.constantFrom(...cast.accounts)
  const filters = accounts.map((id) => `filter=contains(account_ids,"${id}")`)
  const caller = often(fc.constantFrom(...cast.callers), fc.constantFrom(...cast.strangers))
  const ofAccounts = accountBodies(accounts)
  const ofClients = tokenBodies(cast.client.clientId, cast.client.secret)
  const json = fc.constantFrom(...types.slice(0, 2))
  const request = (
    path: fc.Arbitrary<string>,
    served: fc.Arbitrary<string>,
    body: fc.Arbitrary<HostileBody | undefined>,
    type = json,
  ): fc.Arbitrary<HostileRequest> =>
    fc
      .record({
        method: often(served, methods),
        path: often(path, path.map(respelled)),
        query: queries(filters),
        caller,
        type: often(type, fc.constant('')),
        odd: often(fc.constant({}), oddHeaders, 3),
        body,
      })
      .map(({ path, query, type, odd, body, ...rest }) => ({
        ...rest,
        path: `${path}${query}`,
        headers: { ...(type === '' ? {} : { 'Content-Type': type }), ...odd },
        body: /^(GET|HEAD)$/i.test(rest.method) ? undefined : body,
      }))
  const newCarts = fc.oneof(
    ofAccounts,
    ...[(id: string) => ({ id }), (id: string) => ({ data: { id } })].map((wrap) =>
      carts.map((id): HostileBody => ({ text: JSON.stringify(wrap(id)) })),
    ),
  )
  const ofCart = carts.map((cart) => `/v2/carts/${cart}`)
  const ofRelationship = ofCart.map((cart) => `${cart}/relationships/accounts`)
  const changes = fc.constantFrom('POST', 'POST', 'DELETE', 'GET')
  const grants = fc.constant('/oauth/access_token')
  return oneOf(
    [10, request(ofRelationship, changes, ofAccounts)],
    [2, request(ofCart, fc.constantFrom('GET', 'GET', 'DELETE'), ofAccounts)],
    [5, request(fc.constant('/v2/carts'), fc.constantFrom('GET', 'POST'), newCarts)],
    [4, request(grants, fc.constant('POST'), ofClients, fc.constantFrom(...types))],
    [1, request(erasures, fc.constantFrom('DELETE', 'GET'), fc.constant(undefined))],
    [2, request(otherPaths, methods, ofAccounts)],
  )
}

/** Erases accounts without carts only: the test compares the rows of all others at the end. */
const erasures = fc
  .oneof(fc.constantFrom('account-of-none', '%61ccount-of-none'), segments)
  .map((account) => `/v2/accounts/${account}/relationships/carts`)

const otherPaths = fc.oneof(
  fc.constantFrom('/', '/healthz', '/readyz', '/openapi.json', '/.well-known/jwks.json', '/docs'),
  fc.constantFrom('//', '//x/v2/carts', '/v2//carts', '/V2/carts', '/v2/carts/', '/v2%2fcarts'),
  fc.array(segments, { minLength: 1, maxLength: 5 }).map((each) => `/${each.join('/')}`),
  segments.map((each) => `/v2/carts/a/relationships/${each}`),
)

const often = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight = 9): fc.Arbitrary<T> =>
  oneOf([weight, usual], [1, rare])

/** Respells the path: with one more slash, or with a letter percent-encoded. */
function respelled(path: string): string {
  return path.length % 2 === 0 ? `${path}/` : path.replace('c', '%63')
}

function queries(filters: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const pairs = fc.tuple(queryNames, queryValues).map(([name, value]) => `${name}=${value}`)
  const usual = fc.oneof(filters, fc.constant('page[limit]=2&page[offset]=1'))
  const several = fc.array(fc.oneof(filters, pairs), { maxLength: 4 })
  return oneOf(
    [3, fc.constant('')],
    [3, usual.map((each) => `?${each}`)],
    [3, several.map((each) => `?${each.join('&')}`)],
  )
}
