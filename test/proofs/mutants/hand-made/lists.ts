// Mutants of what is listed, and in which order (contract, sections 6 and 7).
import type { HandMadeSet } from '../mutant.ts'

export const lists: HandMadeSet = {
  file: 'src/storage/association-lists.ts',
  mutants: [
    {
      name: 'lists the oldest cart first',
      find: '${desc(createdAt)}, ${asc(cartId)}',
      replace: '${asc(createdAt)}, ${asc(cartId)}',
    },
    {
      name: 'lists carts of one time backwards',
      find: '${desc(createdAt)}, ${asc(cartId)}',
      replace: '${desc(createdAt)}, ${desc(cartId)}',
    },
    {
      name: 'lists carts of one time in any order',
      find: '${desc(createdAt)}, ${asc(cartId)}',
      replace: '${desc(createdAt)}',
    },
    {
      name: 'lists the newest account first',
      find: '${asc(createdAt)}, ${asc(accountId)}',
      replace: '${desc(createdAt)}, ${asc(accountId)}',
    },
    {
      name: 'lists accounts of one time backwards',
      find: '${asc(createdAt)}, ${asc(accountId)}',
      replace: '${asc(createdAt)}, ${desc(accountId)}',
    },
    {
      name: 'lists accounts by their ids',
      find: '${asc(createdAt)}, ${asc(accountId)}',
      replace: '${asc(accountId)}',
    },
    {
      name: 'lists the carts of the account in every store',
      find: "and(\n  eq(storeId, sql.placeholder('storeId')),\n  eq(accountId,",
      replace: 'and(\n  eq(accountId,',
    },
    {
      name: 'lists the carts of every account of the store',
      find: "  eq(accountId, sql.placeholder('accountId')),\n",
      replace: '',
    },
    {
      name: 'shows every account of a cart',
      find: "and(rowsOfCart, eq(accountId, sql.placeholder('accountId')))",
      replace: 'rowsOfCart',
    },
    {
      name: 'shows every cart of the account',
      find: "and(rowsOfCart, eq(accountId, sql.placeholder('accountId')))",
      replace: 'rowsOfAccount',
    },
    { name: 'ignores the offset', find: " offset ${placeholder('offset')}", replace: '' },
    {
      name: 'ignores the limit',
      find: "limit ${placeholder('limit')} offset",
      replace: 'limit -1 offset',
    },
    {
      name: 'lists one row more',
      find: "limit ${placeholder('limit')} offset",
      replace: "limit ${placeholder('limit')} + 1 offset",
    },
    {
      name: 'lists every account of a cart to a shopper',
      find: '  if (visible === undefined) return await listPage(db, accountsOfCart(cart, page))\n  return await listPage(db, accountOfCart({ ...cart, accountId: visible }, page))',
      replace: '  return await listPage(db, accountsOfCart(cart, page))',
    },
    {
      name: 'shows every account of a single cart to a shopper',
      find: 'visible === undefined ? allOfCart(cart) : oneOfCart({ ...cart, accountId: visible })',
      replace: 'allOfCart(cart)',
    },
    { name: 'counts without an end', find: ' limit ${MAX_COUNTED})', replace: ')' },
    {
      name: 'counts every association',
      find: 'from (select 1 from ${associations} where ${which}',
      replace: 'from (select 1 from ${associations}',
    },
    {
      name: 'counts the page alone',
      find: 'total: counted?.total ?? 0',
      replace: 'total: page.length',
    },
    {
      name: 'reads a cart in any order',
      find: '(select(rowsOfCart, oldestFirst))',
      replace: '(select(rowsOfCart, newestFirst))',
    },
  ],
}
