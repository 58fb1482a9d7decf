// Statements whose text is made once, with Drizzle; their values come at each run.
import { is, Placeholder, type SQL } from 'drizzle-orm'
import { CasingCache } from 'drizzle-orm/casing'

/** A statement with its values, for one run; `Row` is what it selects. */
export interface BoundStatement<Row> {
  sql: string
  values: unknown[]
  /** No value: it keeps the type of the rows. */
  rows?: Row[]
}

/** What SQLite wants. Drizzle's own dialect says the same, and brings 6 KiB gzipped of query builders. */
const dialect = {
  casing: new CasingCache(),
  escapeName: (name: string) => `"${name}"`,
  escapeParam: () => '?',
  escapeString: (text: string) => `'${text.replaceAll("'", "''")}'`,
}

/** The statement, whose placeholders have the names of its values; its text is made at the first run. */
export function statement<Values extends object, Row>(
  text: SQL<Row>,
): (values: Values) => BoundStatement<Row> {
  let made: Made | undefined
  return (values) => {
    made ??= make(text)
    const { sql, params, names } = made
    return {
      sql,
      values: names.map((name, index) =>
        name === undefined ? params[index] : Reflect.get(values, name),
      ),
    }
  }
}

interface Made {
  sql: string
  params: unknown[]
  /** Of the value that takes each parameter's place, where it is a placeholder. */
  names: (string | undefined)[]
}

function make(text: SQL): Made {
  const { sql, params } = text.toQuery(dialect)
  return {
    // No literal of ours has white space, and every request sends the text to D1.
    sql: sql.replaceAll(/\s+/g, ' ').trim(),
    params,
    names: params.map((param) => (is(param, Placeholder) ? param.name : undefined)),
  }
}
