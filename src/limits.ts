// The numbers that the contract promises to callers.

/** Accounts in one body. */
export const MAX_ACCOUNTS = 100

/** Rows in one page of a list. */
export const MAX_LIMIT = 100
export const DEFAULT_LIMIT = 20
export const MAX_OFFSET = 10_000

/** The last row that paging can reach: a list costs the same for an account of any size. */
export const MAX_COUNTED = MAX_OFFSET + MAX_LIMIT
