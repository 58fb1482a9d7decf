// The tables as Drizzle knows them; migrations/ makes them, and a test keeps the two equal.
import { desc } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** "This account has this cart", inside one store. */
export const associations = sqliteTable(
  'associations',
  {
    storeId: text('store_id').notNull(),
    cartId: text('cart_id').notNull(),
    accountId: text('account_id').notNull(),
    /** Unix time in milliseconds. */
    createdAt: integer('created_at').notNull(),
    /** Unix time in milliseconds: when it was last asked for by POST. */
    usedAt: integer('used_at').notNull(),
    /** `sub` of the token that asked: the account member, or the client of a server. */
    createdBy: text('created_by').notNull(),
    /** The request that inserted this row. */
    requestId: text('request_id').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.storeId, table.cartId, table.accountId] }),
    index('associations_by_account').on(
      table.storeId,
      table.accountId,
      desc(table.usedAt),
      table.cartId,
    ),
  ],
)

/** Who may ask for access tokens, of one store. */
export const applicationKeys = sqliteTable('application_keys', {
  clientId: text('client_id').notNull().primaryKey(),
  storeId: text('store_id').notNull(),
  /** Shown to the operator who lists the keys. */
  name: text('name').notNull(),
  /** SHA-256 of the secret, in hex; `null` allows the implicit grant only. */
  secretDigest: text('secret_digest'),
  /** Unix time in milliseconds. */
  createdAt: integer('created_at').notNull(),
})

/** Where the removal of expired associations goes on: one row at most. */
export const sweep = sqliteTable('sweep', {
  onlyRow: integer('only_row').primaryKey(),
  storeId: text('store_id').notNull(),
  cartId: text('cart_id').notNull(),
})
