// The parameters, headers and schemas that operations of the OpenAPI document refer to by name.
import { SAFE_ID } from '../src/ids.ts'
import { INVITATION_SECONDS, LIMIT, MAX_ACCOUNTS, MAX_COUNTED, OFFSET } from '../src/limits.ts'
import { BOOKMARK } from '../src/storage/database.ts'
import { ACCOUNT, CART } from './examples.ts'
import { count, list, object, type Schema, schema, text } from './schemas.ts'

const bookmark = {
  description: 'Send it with the next read, which is then at least as fresh',
  schema: text({ pattern: BOOKMARK.source.replace('^', '^(DB_[0-9]+-)?') }),
}
const claim = text({ enum: ['shared', 'unclaimed'] })
/** A token request of one grant type, with its further members. */
const grant = (grantType: string, more: Record<string, Schema>): Schema => ({
  type: 'object',
  properties: { grant_type: text({ const: grantType }), client_id: schema('SafeId'), ...more },
  required: ['grant_type', 'client_id', ...Object.keys(more)],
})

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
    CartID: {
      name: 'cartID',
      in: 'path',
      required: true,
      description: 'Made by the client or by the cart service. It must not be guessable',
      schema: schema('SafeId'),
      example: CART,
    },
    AccountID: {
      name: 'accountID',
      in: 'path',
      required: true,
      schema: schema('SafeId'),
      example: ACCOUNT,
    },
    AskedAccount: {
      name: 'account_id',
      in: 'query',
      description: 'If left out: as nobody in particular, who sees unclaimed or others',
      schema: schema('SafeId'),
      example: ACCOUNT,
    },
    Invitation: {
      name: 'X-Cart-Invitation',
      in: 'header',
      description: 'The token of an invitation. One that is not good counts as none',
      schema: text(),
    },
    Filter: {
      name: 'filter',
      in: 'query',
      description: 'Required of a server; ignored for a shopper',
      schema: text(),
      example: `contains(account_ids,"${ACCOUNT}")`,
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
    After: {
      name: 'page[after]',
      in: 'query',
      description: 'The cart before the page',
      schema: schema('SafeId'),
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
    ServerTiming: {
      description: 'Milliseconds: auth, to know the caller; db, in the database',
      schema: text({ pattern: '^(auth|db);dur=\\d+(, db;dur=\\d+)?$' }),
    },
    Bookmark: { ...bookmark, required: true },
    BookmarkIfAny: { ...bookmark, required: false },
    ETag: { required: true, schema: text({ pattern: '^"[^"]+"$' }) },
    CacheControl: { required: true, schema: text() },
    Location: {
      description: 'The cart: its links.self',
      required: true,
      schema: text({ format: 'uri' }),
    },
    Challenge: { required: true, schema: text({ pattern: '^(Bearer|Basic)' }) },
    AcceptEncoding: {
      description: 'Present if the Content-Encoding is not one that is read here',
      schema: text({ const: 'identity' }),
    },
    RetryAfter: { description: 'Seconds', required: true, schema: text({ pattern: '^\\d+$' }) },
  },
  schemas: {
    SafeId: text({
      pattern: SAFE_ID.source,
      examples: [ACCOUNT],
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
    Timestamps: object(
      {
        created_at: text({ format: 'date-time', description: 'When it was first associated' }),
        updated_at: text({ format: 'date-time', description: 'When it was last used' }),
        expires_at: text({
          format: 'date-time',
          description: 'When it expires if it is not used; absent if associations never expire',
        }),
      },
      ['expires_at'],
    ),
    NewCartRequest: {
      description: 'The cart, in the member data or bare; other members are ignored',
      oneOf: [
        { type: 'object', properties: { data: schema('NewCart') }, required: ['data'] },
        { allOf: [schema('NewCart'), { not: { required: ['data'] } }] },
      ],
    },
    NewCart: {
      type: 'object',
      properties: { id: { ...schema('SafeId'), description: 'If left out, a UUID is made' } },
    },
    InvitationRequest: {
      type: 'object',
      properties: {
        data: {
          type: 'object',
          properties: {
            type: text({ const: 'cart_invitation' }),
            claim: { ...claim, description: 'By default unclaimed for a server, else shared' },
            expires_in: count({
              minimum: INVITATION_SECONDS.min,
              maximum: INVITATION_SECONDS.max,
              default: INVITATION_SECONDS.default,
              description: 'Seconds',
            }),
          },
          required: ['type'],
        },
      },
      required: ['data'],
    },
    Invitation: object({
      type: text({ const: 'cart_invitation' }),
      claim,
      token: text(),
      expires_at: text({ format: 'date-time' }),
    }),
    Cart: object({
      type: text({ const: 'cart' }),
      id: schema('SafeId'),
      meta: object({
        timestamps: schema('Timestamps'),
      }),
      relationships: object({
        accounts: object({ data: list(schema('AccountIdentifier')) }),
        items: object({
          data: { ...list({}), maxItems: 0, description: 'The cart service has them' },
        }),
      }),
      links: object({ self: text({ format: 'uri' }) }),
    }),
    KeptCarts: object({
      data: list(
        object({
          type: text({ const: 'cart' }),
          id: schema('SafeId'),
          meta: object({
            timestamps: schema('Timestamps'),
            created_by: text({ description: 'The account member, or the client of a server' }),
            request_id: text({ description: 'The request that associated it' }),
          }),
        }),
      ),
      links: object({ next: { type: ['string', 'null'], format: 'uri' } }),
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
}
