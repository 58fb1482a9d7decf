// The contract for machines: OpenAPI 3.1. The tests hold every response to it.
import {
  components,
  list,
  object,
  parameters,
  type Reference,
  type Schema,
  schema,
  text,
} from './components.ts'
import {
  bookmark,
  byCaller,
  byServer,
  byService,
  byWrite,
  cacheControl,
  challenge,
  conditional,
  forbidden,
  located,
  malformed,
  maybeBookmark,
  type Responses,
  refusal,
  requestBodies,
  requestBody,
  response,
  shared,
  sharedResponses,
  unavailable,
  unconditional,
  unsupported,
  withBody,
  withoutBody,
} from './responses.ts'

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

const forShoppersAndServers = {
  tags: ['Carts'],
  security: [{ accessToken: [], accountToken: [] }, { accessToken: [] }],
}
const forServers = { tags: ['Carts'], security: [{ accessToken: [] }] }
const data = (of: Schema): Schema => object({ data: of })
const ok = { status: text({ const: 'ok' }) }
const placement = text({ description: 'The digest of where stores are placed' })

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
        ...forShoppersAndServers,
        parameters: parameters('Filter', 'Limit', 'Offset', 'IfNoneMatch', 'Bookmark'),
        responses: {
          ...byCaller,
          200: response('One page of the list', schema('Carts'), conditional, 'one cart'),
          304: shared('NotModified'),
          400: malformed('no filter', 'page too large'),
        },
      },
      post: {
        operationId: 'createACart',
        summary: 'Make a cart',
        description:
          'The cart of a shopper is associated with its account. A server, or a guest with an implicit access token alone, gets the id of a cart without accounts, of which nothing is stored. Of identical requests of a shopper at once exactly one is answered 201.',
        ...forShoppersAndServers,
        requestBody: requestBody('NewCart'),
        responses: {
          ...byCaller,
          ...byWrite,
          200: response(
            'The account had the cart already, and has used it now',
            data(schema('Cart')),
            bookmark,
            'own cart',
          ),
          201: response(
            'A new cart',
            data(schema('Cart')),
            { ...maybeBookmark, ...located },
            'new cart',
          ),
          400: malformed('new id not safe'),
          403: refusal(
            'The account token is refused, or other accounts have the cart',
            ['account token refused', 'cart of others'],
            maybeBookmark,
          ),
        },
      },
    },
    '/v2/carts/{cartID}': {
      parameters: parameters('CartID'),
      get: {
        operationId: 'getACart',
        summary: 'Get a cart',
        description:
          'Whether the caller may have the cart. Names the first 100 accounts by id to a server, and its own to a shopper.',
        ...forShoppersAndServers,
        parameters: parameters('IfNoneMatch', 'Bookmark'),
        responses: {
          ...byCaller,
          200: response('The cart', data(schema('Cart')), conditional, 'its cart'),
          304: shared('NotModified'),
          400: shared('MalformedCartID'),
          404: refusal(
            'No account has the cart, or only others have it',
            ['cart not found'],
            maybeBookmark,
          ),
        },
      },
      delete: {
        operationId: 'deleteACart',
        summary: 'Remove a cart',
        description:
          'A server: every association of the cart; after a 503 some may remain, and the same request goes on from there. A shopper: its own, if no other account has the cart. Anybody may claim the id from then on, so delete or lock what the cart holds first.',
        ...forShoppersAndServers,
        responses: {
          ...byCaller,
          ...unconditional,
          204: withoutBody('The caller has removed the cart, or nobody had it'),
          400: shared('MalformedCartID'),
          403: forbidden('cart of others'),
        },
      },
    },
    '/v2/carts/{cartID}/access': {
      parameters: parameters('CartID'),
      get: {
        operationId: 'getCartAccess',
        summary: 'Ask who may open a cart',
        description:
          'For a server alone: a cart service asks before it shows a cart. Always asks the primary. A shopper asks for the cart itself.',
        ...forServers,
        parameters: parameters('AskedAccount'),
        responses: {
          ...byServer,
          200: response(
            'Whether the account has the cart, nobody has it, or only others have it',
            data(object({ access: text({ enum: ['yours', 'unclaimed', 'others'] }) })),
            { ...bookmark, ...cacheControl },
            'yours',
          ),
          400: malformed('asked account not safe'),
        },
      },
    },
    '/v2/carts/{cartID}/invitations': {
      parameters: parameters('CartID'),
      post: {
        operationId: 'createCartInvitation',
        summary: 'Invite to a cart',
        description:
          'Makes a token that lets an account join the accounts of a cart (claim shared), or claim a cart that no other account has (claim unclaimed, for a server alone). Nothing is stored, and it cannot be taken back.',
        ...forShoppersAndServers,
        requestBody: requestBody('Invitation'),
        responses: {
          ...byCaller,
          ...withBody,
          ...unconditional,
          201: response(
            'The invitation: the header X-Cart-Invitation of the account that is invited',
            data(schema('Invitation')),
            { ...maybeBookmark, ...cacheControl },
            'invited',
          ),
          400: malformed('wrong claim'),
          403: forbidden('shopper may not'),
          404: refusal(
            'The account of the shopper does not have the cart, or this service signs no tokens',
            ['cart not found', 'other issuer'],
            maybeBookmark,
          ),
        },
      },
    },
    '/v2/carts/{cartID}/relationships/accounts': {
      parameters: parameters('CartID'),
      get: {
        operationId: 'getAccountCartAssociations',
        summary: 'List the accounts of a cart',
        description:
          'A server: every account. A shopper: its own, if it has the cart. Oldest association first, then by id.',
        ...forShoppersAndServers,
        parameters: parameters('Limit', 'Offset', 'IfNoneMatch', 'Bookmark'),
        responses: {
          ...byCaller,
          200: response('One page of the list', schema('Accounts'), conditional, 'one account'),
          304: shared('NotModified'),
          400: shared('MalformedCartID'),
        },
      },
      post: {
        operationId: 'createAccountCartAssociation',
        summary: 'Associate accounts with a cart',
        description:
          'All of the accounts or none. A shopper may claim a cart that no account has, or one that it is invited to; a server may add any account. Of identical requests at once exactly one is answered 200.',
        ...forShoppersAndServers,
        parameters: parameters('Invitation'),
        requestBody: requestBody('Accounts'),
        responses: {
          ...byCaller,
          ...byWrite,
          200: response(
            'At least one of the accounts is newly associated: all of them, as they were asked for',
            data(list(schema('AccountIdentifier'))),
            bookmark,
            'newly associated',
          ),
          204: withoutBody('All were associated already'),
          400: shared('MalformedAccounts'),
          403: shared('ForbiddenAccounts'),
        },
      },
      delete: {
        operationId: 'deleteAccountCartAssociation',
        summary: 'Dissociate accounts from a cart',
        description: 'All of the accounts, or none. A shopper removes only its own account.',
        ...forShoppersAndServers,
        requestBody: requestBody('Accounts'),
        responses: {
          ...byCaller,
          ...withBody,
          ...unconditional,
          204: withoutBody('They are not associated, whether or not they were'),
          400: shared('MalformedAccounts'),
          403: shared('ForbiddenAccounts'),
        },
      },
    },
    '/v2/accounts/{accountID}/relationships/carts': {
      parameters: parameters('AccountID'),
      get: {
        operationId: 'getAccountCarts',
        summary: 'Export an account',
        description:
          'For a server alone. All that is kept of the account, by cart id; expired associations too, until they are removed.',
        ...forServers,
        parameters: parameters('Limit', 'After', 'Bookmark'),
        responses: {
          ...byServer,
          200: response(
            'One page of the list',
            schema('KeptCarts'),
            { ...bookmark, ...cacheControl },
            'one kept',
          ),
          400: malformed('account id not safe'),
        },
      },
      delete: {
        operationId: 'deleteAccountCarts',
        summary: 'Forget an account',
        description:
          'For a server alone. Removes every association of the account. After a 503 some may remain: the same request goes on from there.',
        ...forServers,
        responses: {
          ...byServer,
          ...unconditional,
          204: withoutBody('The account has no cart'),
          400: malformed('account id not safe'),
        },
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
        responses: {
          ...byService,
          ...withBody,
          200: response(
            'A token for one hour',
            schema('Token'),
            { ...maybeBookmark, ...cacheControl },
            'implicit',
            'client_credentials',
          ),
          400: malformed('other grant'),
          401: refusal('The client id or the client secret is wrong', ['wrong secret'], {
            ...challenge,
            ...maybeBookmark,
          }),
          404: refusal('The tokens of this service come from another issuer', ['other issuer']),
          415: unsupported(
            'application/x-www-form-urlencoded or application/json or application/vnd.api+json',
          ),
        },
      },
    },
    '/.well-known/jwks.json': {
      get: {
        operationId: 'getKeySet',
        summary: 'Get the public keys of the access tokens',
        description: 'A JSON Web Key Set (RFC 7517).',
        tags: ['Tokens'],
        security: [],
        responses: {
          500: shared('InternalServerError'),
          200: response('The key set', object({ keys: list({ type: 'object' }) }), cacheControl),
        },
      },
    },
    '/healthz': {
      get: {
        operationId: 'getHealth',
        summary: 'Ask whether the Worker runs',
        description: 'Reads neither settings nor database.',
        tags: ['Service'],
        security: [],
        responses: { 200: response('It runs', object(ok)) },
      },
    },
    '/readyz': {
      get: {
        operationId: 'getReadiness',
        summary: 'Ask whether the Worker can serve',
        description: 'Whether its settings are good and its database answers.',
        tags: ['Service'],
        security: [],
        responses: {
          200: response('It can serve', object({ ...ok, placement }, ['placement'])),
          503: unavailable('not ready'),
        },
      },
    },
  },
  components: { ...components, responses: sharedResponses, requestBodies },
}
