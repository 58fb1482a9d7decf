// The contract for machines: OpenAPI 3.1. The tests hold every response to it.
import { components } from './components.ts'
import { refused, returned } from './examples.ts'
import {
  asShopperOrServer,
  atBookmark,
  byCaller,
  byWrite,
  cacheControl,
  challenge,
  conditional,
  everyResponse,
  forbidden,
  located,
  malformed,
  maybeBookmark,
  type Responses,
  refusal,
  requestBodies,
  requestBody,
  response,
  responses,
  shared,
  sharedResponses,
  unavailable,
  unsupported,
  withBody,
} from './responses.ts'
import { list, object, parameter, type Reference, schema, text } from './schemas.ts'

interface Operation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: object[]
  parameters?: object[]
  requestBody?: Reference
  responses: Responses
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
  components: object
}

const running = { status: text({ const: 'ok' }) }
const status = object(running)
const readiness = object(
  { ...running, placement: text({ description: 'The digest of where stores are placed' }) },
  ['placement'],
)

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
  servers: [{ url: '/', description: 'The service that serves this document' }],
  tags: [
    { name: 'Carts', description: 'Which account has which cart' },
    { name: 'Tokens', description: 'Who may ask' },
    { name: 'Service', description: 'Whether the service is healthy' },
  ],
  paths: {
    '/v2/carts': {
      get: {
        operationId: 'getCarts',
        summary: 'List the carts of an account',
        description:
          'A shopper: of its own account, whatever the filter. A server: of the account that the filter names. Last used first, then by id.',
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
            200: response('One page of the list', schema('Carts'), conditional, returned.carts),
            304: shared('NotModified'),
            400: malformed(refused.list),
          },
          ...byCaller,
        ),
      },
      post: {
        operationId: 'createACart',
        summary: 'Make a cart',
        description:
          'The cart of a shopper is associated with its account. A server, or a guest with an implicit access token alone, gets the id of a cart without accounts, of which nothing is stored. Of identical requests of a shopper at once exactly one is answered 201.',
        tags: ['Carts'],
        security: asShopperOrServer,
        requestBody: requestBody('NewCart'),
        responses: responses(
          {
            200: response(
              'The account had the cart already, and has used it now',
              object({ data: schema('Cart') }),
              atBookmark,
              returned.ownCart,
            ),
            201: response(
              'A new cart',
              object({ data: schema('Cart') }),
              { ...everyResponse, ...maybeBookmark, ...located },
              returned.newCart,
            ),
            400: malformed(refused.newCart),
            403: refusal(
              'The account token is refused, or other accounts have the cart',
              refused.creation,
              maybeBookmark,
            ),
          },
          ...byCaller,
          ...byWrite,
        ),
      },
    },
    '/v2/carts/{cartID}': {
      parameters: [parameter('CartID')],
      get: {
        operationId: 'getACart',
        summary: 'Get a cart',
        description:
          'Whether the caller may have the cart. Names the first 100 accounts by id to a server, and its own to a shopper.',
        tags: ['Carts'],
        security: asShopperOrServer,
        parameters: [parameter('IfNoneMatch'), parameter('Bookmark')],
        responses: responses(
          {
            200: response('The cart', object({ data: schema('Cart') }), conditional, returned.cart),
            304: shared('NotModified'),
            400: shared('MalformedCartID'),
            404: refusal(
              'No account has the cart, or only others have it',
              refused.cart,
              maybeBookmark,
            ),
          },
          ...byCaller,
        ),
      },
      delete: {
        operationId: 'deleteACart',
        summary: 'Remove a cart',
        description:
          'A server: every association of the cart; after a 503 some may remain, and the same request goes on from there. A shopper: its own, if no other account has the cart. Anybody may claim the id from then on, so delete or lock what the cart holds first.',
        tags: ['Carts'],
        security: asShopperOrServer,
        responses: responses(
          {
            204: {
              description: 'The caller has removed the cart, or nobody had it',
              headers: atBookmark,
            },
            400: shared('MalformedCartID'),
            403: forbidden(refused.taken),
          },
          ...byCaller,
          412,
        ),
      },
    },
    '/v2/carts/{cartID}/access': {
      parameters: [parameter('CartID')],
      get: {
        operationId: 'getCartAccess',
        summary: 'Ask who may open a cart',
        description:
          'For a server alone: a cart service asks before it shows a cart. Always asks the primary. A shopper asks for the cart itself.',
        tags: ['Carts'],
        security: [{ accessToken: [] }],
        parameters: [parameter('AskedAccount')],
        responses: responses(
          {
            200: response(
              'Whether the account has the cart, nobody has it, or only others have it',
              object({
                data: object({ access: text({ enum: ['yours', 'unclaimed', 'others'] }) }),
              }),
              { ...atBookmark, ...cacheControl },
              returned.access,
            ),
            400: malformed(refused.access),
            403: forbidden(refused.erasure),
          },
          ...byCaller,
        ),
      },
    },
    '/v2/carts/{cartID}/invitations': {
      parameters: [parameter('CartID')],
      post: {
        operationId: 'createCartInvitation',
        summary: 'Invite to a cart',
        description:
          'Makes a token that lets an account join the accounts of a cart (claim shared), or claim a cart that no other account has (claim unclaimed, for a server alone). Nothing is stored, and it cannot be taken back.',
        tags: ['Carts'],
        security: asShopperOrServer,
        requestBody: requestBody('Invitation'),
        responses: responses(
          {
            201: response(
              'The invitation: the header X-Cart-Invitation of the account that is invited',
              object({ data: schema('Invitation') }),
              { ...everyResponse, ...maybeBookmark, ...cacheControl },
              returned.invitation,
            ),
            400: malformed(refused.invitation),
            403: forbidden(refused.invitingShopper),
            404: refusal(
              'The account of the shopper does not have the cart, or this service signs no tokens',
              { ...refused.cart, ...refused.issuer },
              maybeBookmark,
            ),
          },
          ...byCaller,
          ...withBody,
          412,
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
            200: response(
              'One page of the list',
              schema('Accounts'),
              conditional,
              returned.accounts,
            ),
            304: shared('NotModified'),
            400: shared('MalformedCartID'),
          },
          ...byCaller,
        ),
      },
      post: {
        operationId: 'createAccountCartAssociation',
        summary: 'Associate accounts with a cart',
        description:
          'All of the accounts or none. A shopper may claim a cart that no account has, or one that it is invited to; a server may add any account. Of identical requests at once exactly one is answered 200.',
        tags: ['Carts'],
        security: asShopperOrServer,
        parameters: [parameter('Invitation')],
        requestBody: requestBody('Accounts'),
        responses: responses(
          {
            200: response(
              'At least one of the accounts is newly associated: all of them, as they were asked for',
              object({ data: list(schema('AccountIdentifier')) }),
              atBookmark,
              returned.associated,
            ),
            204: { description: 'All were associated already', headers: atBookmark },
            400: shared('MalformedAccounts'),
            403: shared('ForbiddenAccounts'),
          },
          ...byCaller,
          ...byWrite,
        ),
      },
      delete: {
        operationId: 'deleteAccountCartAssociation',
        summary: 'Dissociate accounts from a cart',
        description: 'All of the accounts, or none. A shopper removes only its own account.',
        tags: ['Carts'],
        security: asShopperOrServer,
        requestBody: requestBody('Accounts'),
        responses: responses(
          {
            204: {
              description: 'They are not associated, whether or not they were',
              headers: atBookmark,
            },
            400: shared('MalformedAccounts'),
            403: shared('ForbiddenAccounts'),
          },
          ...byCaller,
          ...withBody,
          412,
        ),
      },
    },
    '/v2/accounts/{accountID}/relationships/carts': {
      parameters: [parameter('AccountID')],
      get: {
        operationId: 'getAccountCarts',
        summary: 'Export an account',
        description:
          'For a server alone. All that is kept of the account, by cart id; expired associations too, until they are removed.',
        tags: ['Carts'],
        security: [{ accessToken: [] }],
        parameters: [parameter('Limit'), parameter('After'), parameter('Bookmark')],
        responses: responses(
          {
            200: response(
              'One page of the list',
              schema('KeptCarts'),
              { ...atBookmark, ...cacheControl },
              returned.kept,
            ),
            400: malformed(refused.accountID),
            403: forbidden(refused.erasure),
          },
          ...byCaller,
        ),
      },
      delete: {
        operationId: 'deleteAccountCarts',
        summary: 'Forget an account',
        description:
          'For a server alone. Removes every association of the account. After a 503 some may remain: the same request goes on from there.',
        tags: ['Carts'],
        security: [{ accessToken: [] }],
        responses: responses(
          {
            204: { description: 'The account has no cart', headers: atBookmark },
            400: malformed(refused.accountID),
            403: forbidden(refused.erasure),
          },
          ...byCaller,
          412,
        ),
      },
    },
    '/oauth/access_token': {
      post: {
        operationId: 'createAnAccessToken',
        summary: 'Ask for an access token',
        description:
          'With an application key. A form or JSON, under either Content-Type. The id and secret of the client may come by HTTP Basic instead.',
        tags: ['Tokens'],
        security: [{}, { client: [] }],
        requestBody: requestBody('Token'),
        responses: responses(
          {
            200: response(
              'A token for one hour',
              schema('Token'),
              { ...everyResponse, ...maybeBookmark, ...cacheControl },
              returned.token,
            ),
            400: malformed(refused.tokenRequest),
            401: refusal('The client id or the client secret is wrong', refused.client, {
              ...challenge,
              ...maybeBookmark,
            }),
            404: refusal('The tokens of this service come from another issuer', refused.issuer),
            415: unsupported(refused.tokenType),
          },
          ...([429, 500, 503] as const),
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
            200: response('The key set', object({ keys: list({ type: 'object' }) }), {
              ...everyResponse,
              ...cacheControl,
            }),
          },
          500,
        ),
      },
    },
    '/healthz': {
      get: {
        operationId: 'getHealth',
        summary: 'Ask whether the Worker runs',
        description: 'Reads neither settings nor database.',
        tags: ['Service'],
        security: [],
        responses: { 200: response('It runs', status) },
      },
    },
    '/readyz': {
      get: {
        operationId: 'getReadiness',
        summary: 'Ask whether the Worker can serve',
        description: 'Whether its settings are good and its database answers.',
        tags: ['Service'],
        security: [],
        responses: { 200: response('It can serve', readiness), 503: unavailable(refused.ready) },
      },
    },
  },
  components: { ...components, responses: sharedResponses, requestBodies },
}
