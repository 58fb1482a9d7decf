// Queries written with Drizzle. Their SQL text is made once; each run binds its values.
import { type Column, type GetColumnData, is, Param, Placeholder, type SQL, sql } from 'drizzle-orm'
import { QueryBuilder, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core'

/** A query with its values, for one run; `Row` is what it returns. */
export interface BoundQuery<Row> {
  sql: string
  values: unknown[]
  /** Never set: it carries the type of the rows. */
  rows?: Row[]
}

/** What Drizzle's builders have in common: the SQL text, and the type of the rows. */
interface Query<Row> {
  readonly _: { readonly result: Row[] }
  toSQL: () => { sql: string; params: unknown[] }
}

/** The rows that a query of the builder returns. */
export type RowOf<Q extends Query<unknown>> = Q['_']['result'][number]

/** Drizzle's builder for reads: https://orm.drizzle.team/docs/goodies#standalone-query-builder */
export const builder = new QueryBuilder()

const dialect = new SQLiteSyncDialect()

/**
 * Selects a column under the name that the row has in TypeScript: D1 returns rows as objects, by the
 * names of the SQL text.
 */
export function named<Named extends Column>(
  column: Named,
  name: string,
): SQL.Aliased<GetColumnData<Named>> {
  return sql<GetColumnData<Named>>`${column}`.as(name)
}

/**
 * Prepares a query of the builder. `Values` are its placeholders by name.
 * Making the text takes Drizzle 0.3 ms, so the first run does it.
 */
export function prepare<Values extends Record<string, unknown>, Row>(
  query: Query<Row>,
): (values: Values) => BoundQuery<Row> {
  return bindTo(() => query.toSQL())
}

/**
 * Prepares a statement that D1 needs in SQL: a write whose rows come from `json_each`.
 * `Row` is what it returns.
 */
export function prepareSql<Values extends Record<string, unknown>, Row = never>(
  text: SQL,
): (values: Values) => BoundQuery<Row> {
  return bindTo(() => {
    const { sql, params } = dialect.sqlToQuery(text)
    // No literal in these statements has white space, and every request sends the text to D1.
    return { sql: sql.replaceAll(/\s+/g, ' ').trim(), params }
  })
}

function bindTo<Values extends Record<string, unknown>, Row>(
  make: () => { sql: string; params: unknown[] },
): (values: Values) => BoundQuery<Row> {
  let made: { sql: string; bound: readonly Bound[] } | undefined
  return (values) => {
    made ??= numbered(make())
    const { sql, bound } = made
    return { sql, values: bound.map(({ name, value }) => pick(values, name, value)) }
  }
}

/** Numbers the parameters, so that D1 is sent each value once, wherever it stands. */
function numbered({ sql, params }: { sql: string; params: unknown[] }) {
  const bound: Bound[] = []
  const numbers = params.map(boundTo).map((each) => {
    const index = bound.findIndex(({ name }) => name !== undefined && name === each.name)
    return index < 0 ? bound.push(each) : index + 1
  })
  // The text has no other question mark.
  return { sql: sql.replaceAll('?', () => `?${numbers.shift()}`), bound }
}

/** What a parameter is bound to: the value of that name, or a value of its own. */
interface Bound {
  name?: string
  value?: unknown
}

/** Found out once: Drizzle's `fillPlaceholders` tests the class of each parameter at each run. */
function boundTo(param: unknown): Bound {
  if (is(param, Placeholder)) return { name: param.name }
  if (is(param, Param) && is(param.value, Placeholder)) return { name: param.value.name }
  return { value: param }
}

function pick(values: Record<string, unknown>, name: string | undefined, own: unknown): unknown {
  if (name === undefined) return own
  if (name in values) return values[name]
  throw new Error(`The query has no value for ${name}`)
}
