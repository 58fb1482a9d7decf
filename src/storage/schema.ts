// The tables, as Drizzle sees them; migrations/ makes them, and a test holds the two together.
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
      desc(table.createdAt),
      table.cartId,
    ),
  ],
)
