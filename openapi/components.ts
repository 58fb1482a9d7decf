// The parameters, headers and schemas that operations of the OpenAPI document refer to by name.
import { SAFE_ID } from '../src/ids.ts'
import { INVITATION_SECONDS, LIMIT, MAX_ACCOUNTS, MAX_COUNTED, OFFSET } from '../src/limits.ts'
import { BOOKMARK } from '../src/storage/database.ts'
import { ACCOUNT, CART, type Examples } from './examples.ts'

/** JSON Schema 2020-12, or a `$ref` to one. */
export type Schema = Readonly<Record<string, unknown>>

/** A reference to a component of the document. */
export type Reference = Readonly<{ $ref: string }>

export const schema = (name: string): Reference => ({ $ref: `#/components/schemas/${name}` })
export const header = (name: keyof typeof components.headers): Reference => ({
  $ref: `#/components/headers/${name}`,
})
export const parameters = (...names: (keyof typeof components.parameters)[]): Reference[] =>
  names.map((name) => ({ $ref: `#/components/parameters/${name}` }))

/** The content by media type (OpenAPI 3.1, section 4.8.14). */
export type Content = Readonly<Record<string, { schema: Schema; examples?: Examples }>>

/** Repeats the schema for each of these types. */
export const content = (body: Schema, examples?: Examples, types = ['application/json']): Content =>
  Object.fromEntries(types.map((type) => [type, { schema: body, ...(examples && { examples }) }]))

/** An object that may have further members. */
const open = (properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
})
export const object = (properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  ...open(properties, optional),
  additionalProperties: false,
})
export const list = (items: Schema): Schema => ({ type: 'array', items })
/** An item for each account of a request, one at least. */
const forAccounts = (items: Schema): Schema => ({
  type: 'array',
  minItems: 1,
  maxItems: MAX_ACCOUNTS,
  items,
})
export const text = (more: object = {}): Schema => ({ type: 'string', ...more })
const dateTime = (description?: string): Schema => text({ format: 'date-time', description })
const uri = text({ format: 'uri' })
const uriOrNull = { type: ['string', 'null'], format: 'uri' }
const count = (more: object = {}): Schema => ({ type: 'integer', minimum: 0, ...more })
const within = (range: { min: number; max: number; default: number }, more: object = {}): Schema =>
  count({ minimum: range.min, maximum: range.max, default: range.default, ...more })

const safeId = schema('SafeId')
const account = { type: text({ const: 'account' }), id: safeId }
const cart = { type: text({ const: 'cart' }), id: safeId }
const claim = text({ enum: ['shared', 'unclaimed'] })
const page = (items: Schema): Schema =>
  object({ data: list(items), meta: schema('Meta'), links: schema('Links') })
/** A token request of one grant type, with its further members. */
const grant = (grantType: string, more: Record<string, Schema>): Schema =>
  open({ grant_type: text({ const: grantType }), client_id: safeId, ...more })

const inPath = (name: string, example: string, description?: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: safeId,
  example,
})
const inQuery = (name: string, description: string, value: Schema, example?: string) => ({
  name,
  in: 'query',
  description,
  schema: value,
  example,
})
const inHeader = (name: string, description: string) => ({
  name,
  in: 'header',
  description,
  schema: text(),
})
const bookmark = {
  description: 'Send it with the next read, which is then at least as fresh',
  schema: text({ pattern: BOOKMARK.source.replace('^', '^(DB_[0-9]+-)?') }),
}

export const components = {
  securitySchemes: {
    accessToken: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'RFC 9068, of the grant type implicit or client_credentials',
    },
    client: {
      type: 'http',
      scheme: 'basic',
      description:
        'The client id and secret of an application key (RFC 6749, section 2.3.1), in the place of those in the body',
    },
    accountToken: {
      type: 'apiKey',
      in: 'header',
      name: 'EP-Account-Management-Authentication-Token',
      description: 'A JWT that speaks for one account',
    },
  },
  parameters: {
    CartID: inPath(
      'cartID',
      CART,
      'Made by the client or by the cart service. It must not be guessable',
    ),
    AccountID: inPath('accountID', ACCOUNT),
    AskedAccount: inQuery(
      'account_id',
      'If left out: as nobody in particular, who sees unclaimed or others',
      safeId,
      ACCOUNT,
    ),
    Invitation: inHeader(
      'X-Cart-Invitation',
      'The token of an invitation. One that is not good counts as none',
    ),
    Filter: inQuery(
      'filter',
      'Required of a server; ignored for a shopper',
      text(),
      `contains(account_ids,"${ACCOUNT}")`,
    ),
    Limit: inQuery('page[limit]', 'Rows of the page', within(LIMIT)),
    Offset: inQuery('page[offset]', 'Rows before the page', within(OFFSET)),
    After: inQuery('page[after]', 'The cart before the page', safeId),
    IfNoneMatch: inHeader('If-None-Match', 'ETags of answers that the client holds'),
    Bookmark: inHeader('X-D1-Bookmark', 'Of an earlier answer: what is read is at least as fresh'),
  },
  headers: {
    RequestId: {
      description: 'Names the request in the log of the service',
      required: true,
      schema: text({ format: 'uuid' }),
    },
    ServerTiming: {
      description: 'Milliseconds: auth, to know the caller; db, in the database',
      schema: text({ pattern: '^(auth|db);dur=\\d+(, db;dur=\\d+)?$' }),
    },
    Bookmark: { ...bookmark, required: true },
    BookmarkIfAny: { ...bookmark, required: false },
    ETag: { required: true, schema: text({ pattern: '^"[^"]+"$' }) },
    CacheControl: { required: true, schema: text() },
    Location: { description: 'The cart: its links.self', required: true, schema: uri },
    Challenge: { required: true, schema: text({ pattern: '^(Bearer|Basic)' }) },
    AcceptEncoding: {
      description: 'Present if the Content-Encoding is not one that is read here',
      schema: text({ const: 'identity' }),
    },
    RetryAfter: { description: 'Seconds', required: true, schema: text({ pattern: '^\\d+$' }) },
  },
  schemas: {
    SafeId: text({ pattern: SAFE_ID.source, examples: [ACCOUNT] }),
    AccountIdentifier: object(account),
    AccountsRequest: {
      description: 'The array, in the member data or bare; other members are ignored',
      oneOf: [open({ data: schema('AccountIdentifiers') }), schema('AccountIdentifiers')],
    },
    AccountIdentifiers: forAccounts(open(account)),
    Timestamps: object(
      {
        created_at: dateTime('When it was first associated'),
        updated_at: dateTime('When it was last used'),
        expires_at: dateTime(
          'When it expires if it is not used; absent if associations never expire',
        ),
      },
      ['expires_at'],
    ),
    NewCartRequest: {
      description: 'The cart, in the member data or bare; other members are ignored',
      oneOf: [
        open({ data: schema('NewCart') }),
        { allOf: [schema('NewCart'), { not: { required: ['data'] } }] },
      ],
    },
    NewCart: {
      type: 'object',
      properties: { id: { ...safeId, description: 'If left out, a UUID is made' } },
    },
    InvitationRequest: open({
      data: open(
        {
          type: text({ const: 'cart_invitation' }),
          claim: { ...claim, description: 'By default unclaimed for a server, else shared' },
          expires_in: within(INVITATION_SECONDS, { description: 'Seconds' }),
        },
        ['claim', 'expires_in'],
      ),
    }),
    Invitation: object({
      type: text({ const: 'cart_invitation' }),
      claim,
      token: text(),
      expires_at: dateTime(),
    }),
    Cart: object({
      ...cart,
      meta: object({ timestamps: schema('Timestamps') }),
      relationships: object({
        accounts: object({ data: list(schema('AccountIdentifier')) }),
        items: object({
          data: { ...list({}), maxItems: 0, description: 'The cart service has them' },
        }),
      }),
      links: object({ self: uri }),
    }),
    KeptCarts: object({
      data: list(
        object({
          ...cart,
          meta: object({
            timestamps: schema('Timestamps'),
            created_by: text({ description: 'The account member, or the client of a server' }),
            request_id: text({ description: 'The request that associated it' }),
          }),
        }),
      ),
      links: object({ next: uriOrNull }),
    }),
    Carts: page(schema('Cart')),
    Accounts: page(schema('AccountIdentifier')),
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
    Links: object({ current: uri, first: uri, last: uri, next: uriOrNull, prev: uriOrNull }),
    TokenRequest: {
      oneOf: [
        grant('implicit', {}),
        grant('client_credentials', { client_secret: text({ minLength: 1 }) }),
      ],
    },
    Token: object({
      access_token: text(),
      expires: count({ description: 'Unix time in seconds' }),
      expires_in: count({ description: 'Seconds' }),
      identifier: text({ enum: ['implicit', 'client_credentials'] }),
      token_type: text({ const: 'Bearer' }),
    }),
    Errors: object({
      errors: forAccounts(
        object(
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
      ),
    }),
  },
}
