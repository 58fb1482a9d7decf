// What this service answers, as OpenAPI 3.1: the contract for machines, held to it by the tests.
import { BOOKMARK } from './bookmark.ts'
import {
  BODY_DEADLINE_SECONDS,
  LIMIT,
  MAX_ACCOUNTS,
  MAX_BODY_BYTES,
  MAX_COUNTED,
  OFFSET,
} from './limits.ts'
import { SAFE_ID } from './safe-id.ts'

/** JSON Schema 2020-12, or a `$ref` to one. */
type Schema = Readonly<Record<string, unknown>>

interface Answer {
  description: string
  headers: object
  content?: Record<string, { schema: Schema }>
}

type Answers = Readonly<Record<number, Answer>>

interface Operation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: object[]
  parameters?: object[]
  requestBody?: object
  responses: Answers
}

/** As much of the OpenAPI Specification 3.1 as is used here. */
interface OpenApiDocument {
  openapi: '3.1.0'
  info: object
  servers: object[]
  tags: object[]
  paths: Record<
    string,
    { parameters?: object[]; get?: Operation; post?: Operation; delete?: Operation }
  >
  components: { schemas: Record<string, Schema> } & Record<string, object>
}

const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const parameter = (name: string) => ({ $ref: `#/components/parameters/${name}` })
const header = (name: string) => ({ $ref: `#/components/headers/${name}` })

const object = (properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})
const list = (items: Schema): Schema => ({ type: 'array', items })
const text = (more: object = {}): Schema => ({ type: 'string', ...more })
const count = (more: object = {}): Schema => ({ type: 'integer', minimum: 0, ...more })
const json = (content: Schema) => ({ 'application/json': { schema: content } })

const everyAnswer = { 'X-Request-Id': header('RequestId') }
const atBookmark = { ...everyAnswer, 'X-D1-Bookmark': header('Bookmark') }
const cacheControl = { 'Cache-Control': header('CacheControl') }
const conditional = { ...atBookmark, ...cacheControl, ETag: header('ETag') }
/** Of a refusal: only some of them have asked the database. */
const maybeBookmark = { 'X-D1-Bookmark': header('BookmarkIfAny') }

const answer = (description: string, content: Schema, headers: object = everyAnswer): Answer => ({
  description,
  headers,
  content: json(content),
})
const refusal = (description: string, headers: object = {}) =>
  answer(description, schema('Errors'), { ...everyAnswer, ...headers })
const retryAfter = { 'Retry-After': header('RetryAfter') }

const refusals = {
  400: refusal('The request is malformed: each error names the parameter or the member at fault'),
  401: refusal('The access token, or the client, is absent or refused', {
    'WWW-Authenticate': header('Challenge'),
    ...maybeBookmark,
  }),
  403: refusal(
    'The account token is refused, or missing beside an implicit access token; or the account may not do this, of which the title tells',
    maybeBookmark,
  ),
  404: refusal('Not found', maybeBookmark),
  408: refusal(`The body was not complete within ${BODY_DEADLINE_SECONDS} s`),
  413: refusal(`The body is over ${MAX_BODY_BYTES} bytes`),
  415: refusal('The Content-Type is none that is read here'),
  429: refusal('Too many requests', { ...retryAfter, ...maybeBookmark }),
  500: refusal('A setting of the service is missing or malformed, or something else is wrong'),
  503: refusal('The service cannot answer now; the same request may succeed later', retryAfter),
}

/** The answers of one operation: its own, and these refusals. */
const responses = (own: Answers, ...statuses: (keyof typeof refusals)[]): Answers => ({
  ...own,
  ...Object.fromEntries(statuses.map((status) => [status, refusals[status]])),
})

/** The order of checks (contract, section 3) knows these before it comes to the body. */
const byCaller = [400, 401, 403, 429, 500, 503] as const
const withBody = [408, 413, 415] as const
const asShopperOrServer = [{ accessToken: [], accountToken: [] }, { accessToken: [] }]

const notModified = { description: 'Nothing has changed since this ETag', headers: conditional }
const accountsBody = {
  required: true,
  content: {
    ...json(schema('AccountsRequest')),
    'application/vnd.api+json': { schema: schema('AccountsRequest') },
  },
}
const tokenBody = {
  required: true,
  content: {
    'application/x-www-form-urlencoded': { schema: schema('TokenRequest') },
    ...json(schema('TokenRequest')),
  },
}
const status = object({ status: text({ const: 'ok' }) })

const bookmark = {
  description: 'Send it with the next read, which is then at least as fresh',
  schema: text({ pattern: BOOKMARK.source }),
}
/** A token request of one grant type, with what it takes besides. */
const grant = (grantType: string, more: Record<string, Schema>): Schema => ({
  type: 'object',
  properties: { grant_type: text({ const: grantType }), client_id: schema('SafeId'), ...more },
  required: ['grant_type', 'client_id', ...Object.keys(more)],
})

export const openApiDocument: OpenApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'cart-accounts',
    version: '0.1.0',
    description:
      'Records that an account has a cart, compatible with Elastic Path. A shopper (an account token beside its access token) acts for its one account; a server (a client_credentials access token alone) for every account of its store.',
    license: { name: 'MIT', identifier: 'MIT' },
    contact: { name: 'The operator of this service' },
  },
  servers: [{ url: '/', description: 'Where this document was found' }],
  tags: [
    { name: 'Carts', description: 'Which account has which cart' },
    { name: 'Tokens', description: 'Who may ask' },
    { name: 'Service', description: 'Whether all is well' },
  ],
  paths: {
    '/v2/carts': {
      get: {
        operationId: 'getCarts',
        summary: 'List the carts of an account',
        description:
          'A shopper: of its own account, whatever the filter. A server: of the account that the filter names. Newest association first, then by id.',
        tags: ['Carts'],
        security: asShopperOrServer,
        parameters: [
          parameter('Filter'),
          parameter('Limit'),
          parameter('Offset'),
          parameter('IfNoneMatch'),
          parameter('Bookmark'),
        ],
        responses: responses(
          {
            200: answer('One page of the list', schema('Carts'), conditional),
            304: notModified,
          },
          ...byCaller,
        ),
      },
    },
    '/v2/carts/{cartID}': {
      parameters: [parameter('CartID')],
      get: {
        operationId: 'getACart',
        summary: 'Get a cart',
        description:
          'Answers whether the caller may have the cart. It names every account to a server, and its own to a shopper.',
        tags: ['Carts'],
        security: asShopperOrServer,
        parameters: [parameter('IfNoneMatch'), parameter('Bookmark')],
        responses: responses(
          {
            200: answer('The cart', object({ data: schema('Cart') }), conditional),
            304: notModified,
          },
          ...byCaller,
          404,
        ),
      },
    },
    '/v2/carts/{cartID}/relationships/accounts': {
      parameters: [parameter('CartID')],
      get: {
        operationId: 'getAccountCartAssociations',
        summary: 'List the accounts of a cart',
        description:
          'A server: every account. A shopper: its own, if it has the cart. Oldest association first, then by id.',
        tags: ['Carts'],
        security: asShopperOrServer,
        parameters: [
          parameter('Limit'),
          parameter('Offset'),
          parameter('IfNoneMatch'),
          parameter('Bookmark'),
        ],
        responses: responses(
          {
            200: answer('One page of the list', schema('Accounts'), conditional),
            304: notModified,
          },
          ...byCaller,
        ),
      },
      post: {
        operationId: 'createAccountCartAssociation',
        summary: 'Associate accounts with a cart',
        description:
          'All of the accounts or none. A shopper may claim a cart that no account has; a server may add any account. Of identical requests at once exactly one is answered 200.',
        tags: ['Carts'],
        security: asShopperOrServer,
        requestBody: accountsBody,
        responses: responses(
          {
            200: answer(
              'At least one of the accounts is newly associated: all of them, as they were asked for',
              object({ data: list(schema('AccountIdentifier')) }),
              atBookmark,
            ),
            204: { description: 'All were associated already', headers: atBookmark },
          },
          ...byCaller,
          ...withBody,
        ),
      },
      delete: {
        operationId: 'deleteAccountCartAssociation',
        summary: 'Dissociate accounts from a cart',
        description: 'All of the accounts, or none. A shopper removes only its own account.',
        tags: ['Carts'],
        security: asShopperOrServer,
        requestBody: accountsBody,
        responses: responses(
          {
            204: {
              description: 'They are not associated, whether or not they were',
              headers: atBookmark,
            },
          },
          ...byCaller,
          ...withBody,
        ),
      },
    },
    '/oauth/access_token': {
      post: {
        operationId: 'createAnAccessToken',
        summary: 'Ask for an access token',
        description:
          'With an application key. A form or JSON, under either Content-Type. 404 where the tokens of this service come from another issuer.',
        tags: ['Tokens'],
        security: [],
        requestBody: tokenBody,
        responses: responses(
          {
            200: answer('A token for one hour', schema('Token'), {
              ...atBookmark,
              ...cacheControl,
            }),
          },
          ...([400, 401, 404, 429, 500, 503] as const),
          ...withBody,
        ),
      },
    },
    '/.well-known/jwks.json': {
      get: {
        operationId: 'getKeySet',
        summary: 'Get the public keys of the access tokens',
        description: 'A JSON Web Key Set (RFC 7517).',
        tags: ['Tokens'],
        security: [],
        responses: responses(
          {
            200: answer('The key set', object({ keys: list({ type: 'object' }) }), {
              ...everyAnswer,
              ...cacheControl,
            }),
          },
          500,
        ),
      },
    },
    '/openapi.json': {
      get: {
        operationId: 'getOpenApiDocument',
        summary: 'Get this document',
        description: 'OpenAPI 3.1.',
        tags: ['Service'],
        security: [],
        responses: { 200: answer('This document', { type: 'object' }) },
      },
    },
    '/healthz': {
      get: {
        operationId: 'getHealth',
        summary: 'Ask whether the Worker runs',
        description: 'Reads neither settings nor database.',
        tags: ['Service'],
        security: [],
        responses: { 200: answer('It runs', status) },
      },
    },
    '/readyz': {
      get: {
        operationId: 'getReadiness',
        summary: 'Ask whether the Worker can serve',
        description: 'Whether its settings are good and its database answers.',
        tags: ['Service'],
        security: [],
        responses: responses({ 200: answer('It can serve', status) }, 503),
      },
    },
  },
  components: {
    securitySchemes: {
      accessToken: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'RFC 9068, of the grant type implicit or client_credentials',
      },
      accountToken: {
        type: 'apiKey',
        in: 'header',
        name: 'EP-Account-Management-Authentication-Token',
        description: 'A JWT that speaks for one account',
      },
    },
    parameters: {
      CartID: {
        name: 'cartID',
        in: 'path',
        required: true,
        description: 'Made by the client or by the cart service. It must not be guessable',
        schema: schema('SafeId'),
      },
      Filter: {
        name: 'filter',
        in: 'query',
        description: 'Required of a server; ignored for a shopper',
        schema: text(),
        example: 'contains(account_ids,"b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe")',
      },
      Limit: {
        name: 'page[limit]',
        in: 'query',
        description: 'Rows of the page',
        schema: count({ minimum: LIMIT.min, maximum: LIMIT.max, default: LIMIT.default }),
      },
      Offset: {
        name: 'page[offset]',
        in: 'query',
        description: 'Rows before the page',
        schema: count({ maximum: OFFSET.max, default: OFFSET.default }),
      },
      IfNoneMatch: {
        name: 'If-None-Match',
        in: 'header',
        description: 'ETags of answers that the client holds',
        schema: text(),
      },
      Bookmark: {
        name: 'X-D1-Bookmark',
        in: 'header',
        description: 'Of an earlier answer: what is read is at least as fresh',
        schema: text(),
      },
    },
    headers: {
      RequestId: {
        description: 'Names the request in the log of the service',
        required: true,
        schema: text({ format: 'uuid' }),
      },
      Bookmark: { ...bookmark, required: true },
      BookmarkIfAny: { ...bookmark, required: false },
      ETag: { required: true, schema: text({ pattern: '^"[^"]+"$' }) },
      CacheControl: { required: true, schema: text() },
      Challenge: { required: true, schema: text({ pattern: '^Bearer' }) },
      RetryAfter: { description: 'Seconds', required: true, schema: text({ pattern: '^\\d+$' }) },
    },
    schemas: {
      SafeId: text({
        pattern: SAFE_ID.source,
        examples: ['b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe'],
      }),
      AccountIdentifier: object({ type: text({ const: 'account' }), id: schema('SafeId') }),
      AccountsRequest: {
        description: 'The array, in the member data or bare; other members are ignored',
        oneOf: [
          {
            type: 'object',
            properties: { data: schema('AccountIdentifiers') },
            required: ['data'],
          },
          schema('AccountIdentifiers'),
        ],
      },
      AccountIdentifiers: {
        type: 'array',
        minItems: 1,
        maxItems: MAX_ACCOUNTS,
        items: {
          type: 'object',
          properties: { type: text({ const: 'account' }), id: schema('SafeId') },
          required: ['type', 'id'],
        },
      },
      Cart: object({
        type: text({ const: 'cart' }),
        id: schema('SafeId'),
        meta: object({
          timestamps: object({
            created_at: text({ format: 'date-time', description: 'When it was first associated' }),
            updated_at: text({ format: 'date-time', description: 'When it was last associated' }),
          }),
        }),
        relationships: object({
          accounts: object({ data: list(schema('AccountIdentifier')) }),
          items: object({
            data: { ...list({}), maxItems: 0, description: 'The cart service has them' },
          }),
        }),
        links: object({ self: text({ format: 'uri' }) }),
      }),
      Carts: object({ data: list(schema('Cart')), meta: schema('Meta'), links: schema('Links') }),
      Accounts: object({
        data: list(schema('AccountIdentifier')),
        meta: schema('Meta'),
        links: schema('Links'),
      }),
      Meta: object({
        page: object({
          limit: count(),
          offset: count(),
          current: count({ minimum: 1, description: 'Number of this page' }),
          total: count({ description: 'Pages' }),
        }),
        results: object({
          total: count({ maximum: MAX_COUNTED, description: 'Rows, counted up to this maximum' }),
        }),
      }),
      Links: object({
        current: text({ format: 'uri' }),
        first: text({ format: 'uri' }),
        last: text({ format: 'uri' }),
        next: { type: ['string', 'null'], format: 'uri' },
        prev: { type: ['string', 'null'], format: 'uri' },
      }),
      TokenRequest: {
        oneOf: [grant('implicit', {}), grant('client_credentials', { client_secret: text() })],
      },
      Token: object({
        access_token: text(),
        expires: count({ description: 'Unix time in seconds' }),
        expires_in: count({ description: 'Seconds' }),
        identifier: text({ enum: ['implicit', 'client_credentials'] }),
        token_type: text({ const: 'Bearer' }),
      }),
      Errors: object({
        errors: {
          type: 'array',
          minItems: 1,
          maxItems: MAX_ACCOUNTS,
          items: object(
            {
              status: { type: 'integer', description: 'Equals the HTTP status' },
              title: text(),
              detail: text(),
              source: text({
                description: 'The parameter or the member at fault',
                examples: ['data[0].type'],
              }),
            },
            ['detail', 'source'],
          ),
        },
      }),
    },
  },
}
