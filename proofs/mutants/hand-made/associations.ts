// Mutants of what is written, and by whom a cart may be claimed (contract, sections 2, 4 and 5).
import type { HandMadeSet } from '../mutant.ts'

export const associations: HandMadeSet = {
  file: 'src/storage/associations.ts',
  mutants: [
    {
      name: 'takes a cart over',
      find: "claim === 'shared' ? sql`true` : unclaimed",
      replace: 'sql`true`',
    },
    {
      name: 'never shares a cart',
      find: "claim === 'shared' ? sql`true` : unclaimed",
      replace: 'unclaimed',
    },
    {
      name: 'takes the cart of any store for this one',
      find: 'and(eq(storeId, cart.storeId), eq(cartId, cart.cartId))',
      replace: 'eq(cartId, cart.cartId)',
    },
    {
      name: 'takes any cart of the store for this one',
      find: 'and(eq(storeId, cart.storeId), eq(cartId, cart.cartId))',
      replace: 'eq(storeId, cart.storeId)',
    },
    {
      name: 'writes the store of nobody',
      find: 'select ${cart.storeId}, ${cart.cartId}, value',
      replace: "select 'demo', ${cart.cartId}, value",
    },
    {
      name: 'forgets whose request it was',
      find: 'requestId === provenance.requestId',
      replace: 'false',
    },
    {
      name: 'takes what any request wrote for its own',
      find: 'requestId === provenance.requestId',
      replace: 'true',
    },
    {
      name: 'wants every row to be of this request',
      find: 'present.some(',
      replace: 'present.every(',
    },
    {
      name: 'answers created to a repeated request',
      find: "  return 'unchanged'",
      replace: "  return 'created'",
    },
    {
      name: 'answers unchanged where the cart is taken',
      find: "  if (present.length < accountIds.length) return 'taken'\n",
      replace: '',
    },
    {
      name: 'answers taken where the account has the cart',
      find: 'present.length < accountIds.length',
      replace: 'present.length <= accountIds.length',
    },
    {
      name: 'answers created to all',
      find: 'if (inserted.length > 0)',
      replace: 'if (inserted.length >= 0)',
    },
    {
      name: 'answers created only where all are new',
      find: 'if (inserted.length > 0)',
      replace: 'if (inserted.length === accountIds.length)',
    },
    {
      name: 'looks after it has written',
      find: '    selectPresent(cart, accountIds),\n    insertMissing(cart, accountIds, claim, provenance),',
      replace:
        '    insertMissing(cart, accountIds, claim, provenance),\n    selectPresent(cart, accountIds),',
    },
    {
      name: 'removes every account of the cart',
      find: 'where ${rowsOfAccounts(cart, accountIds)}`)',
      replace: 'where ${rowsOfCart(cart)}`)',
    },
    {
      name: 'removes the account from every cart',
      find: '${rowsOfCart(cart)} and ${accountId} in',
      replace: '${accountId} in',
    },
    {
      name: 'takes every account for the one that is named',
      find: '${rowsOfCart(cart)} and ${accountId} in (select value from ${jsonEach(accountIds)})',
      replace: '${rowsOfCart(cart)}',
    },
    {
      name: 'dates in seconds',
      find: '${Date.now()}',
      replace: '${Math.floor(Date.now() / 1000)}',
    },
    {
      name: 'remembers the request as the one who asked',
      find: '${provenance.createdBy}, ${provenance.requestId}',
      replace: '${provenance.requestId}, ${provenance.requestId}',
    },
    {
      name: 'remembers the one who asked as the request',
      find: '${provenance.createdBy}, ${provenance.requestId}',
      replace: '${provenance.createdBy}, ${provenance.createdBy}',
    },
    {
      name: 'renews a row that is there',
      find: 'do nothing',
      replace: 'do update set created_at = excluded.created_at',
    },
    {
      name: 'takes a conflict for a failure',
      find: '    on conflict (${names([storeId, cartId, accountId])}) do nothing\n',
      replace: '',
    },
    { name: 'tells of no row', find: '    returning ${accountId} as "accountId"`', replace: '`' },
    {
      name: 'swallows what a constraint refuses',
      find: 'insert into ${associations}',
      replace: 'insert or ignore into ${associations}',
    },
    {
      name: 'writes the first account alone',
      find: 'JSON.stringify(accountIds)',
      replace: 'JSON.stringify(accountIds.slice(0, 1))',
    },
  ],
}

export const schema: HandMadeSet = {
  file: 'src/storage/schema.ts',
  mutants: [
    {
      name: 'keys a row without its store',
      find: 'columns: [table.storeId, table.cartId, table.accountId]',
      replace: 'columns: [table.cartId, table.accountId]',
    },
    {
      name: 'takes a nullable request',
      find: "text('request_id').notNull()",
      replace: "text('request_id')",
    },
    {
      name: 'takes a time as text',
      find: "integer('created_at').notNull(),\n    /** `sub`",
      replace: "text('created_at').notNull(),\n    /** `sub`",
    },
    {
      name: 'indexes the oldest association first',
      find: 'desc(table.createdAt)',
      replace: 'table.createdAt',
    },
    {
      name: 'takes a key without a client',
      find: "text('client_id').notNull().primaryKey()",
      replace: "text('client_id').notNull()",
    },
    {
      name: 'takes a secret for all keys',
      find: "text('secret_digest')",
      replace: "text('secret_digest').notNull()",
    },
  ],
}
