// Mutants of which database has the rows of a store, and of what is held back while they move.
import type { HandMadeSet } from '../mutant.ts'

export const databases: HandMadeSet = {
  file: 'src/storage/databases.ts',
  mutants: [
    {
      name: 'reads from where a store will be',
      find: '  return homeOf(present, storeId)',
      replace: '  return homeOf(present, storeId) && homeOf(arguments[0].future, storeId)',
    },
    {
      name: 'writes where the store was, and loses it',
      find: '  if (homeOf(databases.future, storeId) === home) return home\n',
      replace: '  return home\n',
    },
    {
      name: 'writes where the store will be, and claims carts twice',
      find: '  if (homeOf(databases.future, storeId) === home) return home\n',
      replace: '  return homeOf(databases.future, storeId)\n',
    },
    {
      name: 'fills no database',
      find: "present: without('MOVING_TO')",
      replace: 'present: all',
    },
    {
      name: 'empties no database',
      find: "future: without('MOVING_FROM')",
      replace: 'future: all',
    },
    {
      name: 'takes one variable for the other',
      find: "present: without('MOVING_TO'), future: without('MOVING_FROM')",
      replace: "present: without('MOVING_FROM'), future: without('MOVING_TO')",
    },
    {
      name: 'asks the present databases alone whether they are ready',
      find: 'return { all,',
      replace: "return { all: without('MOVING_TO'),",
    },
    {
      name: 'ignores a database that it does not know',
      find: 'moving === undefined || others.length < all.length',
      replace: 'true',
    },
    {
      name: 'takes a variable for a database',
      find: '    if (d1?.withSession === undefined) {',
      replace: '    if (d1 === undefined) {',
    },
    {
      name: 'takes whatever begins alike for a database',
      find: '/^DB_[1-9]\\d*$/',
      replace: '/^DB_/',
    },
  ],
}

export const rendezvous: HandMadeSet = {
  file: 'src/storage/rendezvous.ts',
  mutants: [
    {
      name: 'has every store in DB',
      find: 'weightOf(each.name, storeId) > weightOf(home.name, storeId) ? each : home',
      replace: 'home',
    },
    {
      name: 'takes the lowest weight',
      find: 'weightOf(each.name, storeId) > weightOf(home.name, storeId)',
      replace: 'weightOf(each.name, storeId) < weightOf(home.name, storeId)',
    },
    { name: 'weighs the store alone', find: '`${name}/${storeId}`', replace: 'storeId' },
    { name: 'weighs the name alone', find: '`${name}/${storeId}`', replace: 'name' },
    { name: 'joins name and store otherwise', find: '${name}/', replace: '${name}:' },
    {
      name: 'takes the weight for a signed number',
      find: '(hash ^ (hash >>> 16)) >>> 0',
      replace: 'hash ^ (hash >>> 16)',
    },
    {
      name: 'mixes no bits',
      find: '(hash ^ (hash >>> 16)) >>> 0',
      replace: 'hash >>> 0',
    },
  ],
}
