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
      find: 'and(eq(storeId, account.storeId), eq(accountId, account.accountId))',
      replace: 'eq(accountId, account.accountId)',
    },
    {
      name: 'lists the carts of every account of the store',
      find: 'and(eq(storeId, account.storeId), eq(accountId, account.accountId))',
      replace: 'eq(storeId, account.storeId)',
    },
    {
      name: 'shows every account of a cart',
      find: 'visible === undefined ? rowsOfCart(cart) : and(rowsOfCart(cart), eq(accountId, visible))',
      replace: 'rowsOfCart(cart)',
    },
    {
      name: 'shows every cart of the account',
      find: 'and(rowsOfCart(cart), eq(accountId, visible))',
      replace: 'eq(accountId, visible)',
    },
    { name: 'ignores the offset', find: ' offset ${offset}', replace: '' },
    { name: 'ignores the limit', find: 'limit ${limit} offset', replace: 'limit -1 offset' },
    {
      name: 'lists one row more',
      find: 'limit ${limit} offset',
      replace: 'limit ${limit + 1} offset',
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
      find: '${select} where ${which} order by ${oldestFirst}`)',
      replace: '${select} where ${which} order by ${newestFirst}`)',
    },
  ],
}
