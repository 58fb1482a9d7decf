// Mutants of what is written, and by whom a cart may be claimed (contract, sections 2, 4 and 5).
import type { HandMadeSet } from '../mutant.ts'

export const associations: HandMadeSet = {
  file: 'src/storage/associations.ts',
  mutants: [
    {
      name: 'takes a cart over',
      find: 'case when ${claimable} then ${given} end',
      replace: '${given}',
    },
    {
      name: 'never shares a cart',
      find: 'shared: insertOf(given)',
      replace: 'shared: insertOf(sql`case when ${claimable} then ${given} end`)',
    },
    {
      name: 'takes the cart of any store for this one',
      find: "  eq(storeId, sql.placeholder('storeId')),\n  eq(cartId,",
      replace: '  eq(cartId,',
    },
    {
      name: 'takes any cart of the store for this one',
      find: "  eq(cartId, sql.placeholder('cartId')),\n",
      replace: '',
    },
    {
      name: 'writes the store of nobody',
      find: "select ${placeholder('storeId')},",
      replace: "select 'demo',",
    },
    {
      name: 'forgets whose request it was',
      find: 'where ${requestId} = excluded.${ownId}',
      replace: 'where false',
    },
    {
      name: 'takes what any request wrote for its own',
      find: ' where ${requestId} = excluded.${ownId}',
      replace: '',
    },
    {
      name: 'answers created to a repeated request',
      find: "'created' : 'unchanged'",
      replace: "'created' : 'created'",
    },
    {
      name: 'fails where the cart is taken',
      find: "    if (TAKEN.test(String(rootCause(error)))) return 'taken'\n",
      replace: '',
    },
    {
      name: 'takes every failure for a cart of others',
      find: 'if (TAKEN.test(String(rootCause(error))))',
      replace: 'if (error)',
    },
    {
      name: 'takes any missing value for a cart of others',
      find: 'failed: associations\\.account_id/',
      replace: 'failed/',
    },
    {
      name: 'answers taken where the account has the cart',
      find: '  exists (select 1 from ${associations} where ${rowOfGiven}) or\n',
      replace: '',
    },
    {
      name: 'lets nobody claim a cart',
      find: ' or\n  not exists (select 1 from ${associations} where ${rowsOfCart})',
      replace: '',
    },
    {
      name: 'takes a cart with any account for its own',
      find: 'and(rowsOfCart, eq(accountId, given))',
      replace: 'rowsOfCart',
    },
    {
      name: 'answers created to all',
      find: 'inserted.length > 0',
      replace: 'inserted.length >= 0',
    },
    {
      name: 'answers created only where all are new',
      find: 'inserted.length > 0',
      replace: 'inserted.length === accountIds.length',
    },
    {
      name: 'removes every account of the cart',
      find: ' and ${accountId} in (select value from ${givenIds})',
      replace: '',
    },
    {
      name: 'removes the account from every cart',
      find: '${rowsOfCart} and ${accountId} in',
      replace: '${accountId} in',
    },
    {
      name: 'dates in seconds',
      find: 'createdAt: Date.now() }',
      replace: 'createdAt: Math.floor(Date.now() / 1000) }',
    },
    {
      name: 'remembers the request as the one who asked',
      find: "${placeholder('createdBy')}, ${placeholder('requestId')}",
      replace: "${placeholder('requestId')}, ${placeholder('requestId')}",
    },
    {
      name: 'remembers the one who asked as the request',
      find: "${placeholder('createdBy')}, ${placeholder('requestId')}",
      replace: "${placeholder('createdBy')}, ${placeholder('createdBy')}",
    },
    {
      name: 'renews a row that is there',
      find: 'do update set ${ownId} = excluded.${ownId} where ${requestId} = excluded.${ownId}',
      replace: 'do update set created_at = excluded.created_at where true',
    },
    {
      name: 'tells of no row',
      find: '\n    returning ${accountId} as "accountId"`',
      replace: '`',
    },
    {
      name: 'swallows what a constraint refuses',
      find: 'insert into ${associations}',
      replace: 'insert or ignore into ${associations}',
    },
    {
      name: 'writes the first account alone',
      find: '...values, accountIds: JSON.stringify(accountIds)',
      replace: '...values, accountIds: JSON.stringify(accountIds.slice(0, 1))',
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
