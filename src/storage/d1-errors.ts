// What an error of D1 means for the request that met it (contract, section 9).
// https://developers.cloudflare.com/d1/observability/debug-d1/#error-list, and what production was seen to say besides.
import { rootCause } from '../errors.ts'

/**
 * - `fault`: our own; the same query fails again
 * - `lasting`: only time helps, so a client should wait for minutes
 * - `exhausted`: a retry would make it worse
 * - `transient`: the same query may succeed at once, so it is tried again
 * - `unknown`: anything else; the same request may succeed later
 */
export type D1ErrorKind = 'fault' | 'lasting' | 'exhausted' | 'transient' | 'unknown'

/** SQLite's words for a constraint, a table or column that is missing, bad SQL and bad values. */
const FAULT = new RegExp(
  [
    'constraint failed|cannot store \\w+ value in|datatype mismatch|(string or blob|statement) too (big|long)',
    'no such (table|column|function|index|view|module|collation)|has no column named',
    'syntax error|incomplete input|unrecognized token|no SQL statements|contained no query',
    'ambiguous column|misuse of|row value misused|malformed JSON|integer overflow',
    'wrong number of|too many (SQL variables|columns|arguments|terms|levels)|out of range',
    '\\d+ values for \\d+ columns|has \\d+ columns but|sub-select returns|duplicate column',
    'does not match any PRIMARY KEY or UNIQUE|already exists|pattern too complex|tree is too large',
    'D1_TYPE_ERROR|D1_COLUMN_NOTFOUND|not supported for value|not authorized',
  ].join('|'),
  'i',
)
/** An export, an import or a restore, a daily limit, and a database that is full. */
const LASTING =
  /long-running|currently (processing|running)|\b(ex|im)port|\brestor|daily|quota|midnight|free (tier|plan)|\bfull\b|maximum|storage limit/i
/** Overload, time, memory and CPU. */
const EXHAUSTED =
  /overload|exceed|too many|queued|timed? ?out|out of memory|SQLITE_(NOMEM|INTERRUPT)|interrupted/i
const TRANSIENT = new RegExp(
  [
    'connection|socket|ECONN|EPIPE|broken pipe|network|fetch failed',
    'object to be reset|\\breset because|(was|been) reset|code (was|has been) updated|transient',
    "can't read from request stream|internal error|disconnected",
    'SQLITE_(BUSY|LOCKED|IOERR|PROTOCOL|SCHEMA)|is locked|disk I/O error',
  ].join('|'),
  'i',
)
/** The result codes of SQLite that stand for a fault of ours, whatever the words before them. */
const FAULT_CODE = /SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE|TOOBIG|AUTH|MISUSE)/

export function kindOf(error: unknown): D1ErrorKind {
  const cause = rootCause(error)
  const reason = String(cause)
  if (FAULT.test(reason)) return 'fault'
  if (LASTING.test(reason)) return 'lasting'
  if (EXHAUSTED.test(reason)) return 'exhausted'
  if (TRANSIENT.test(reason)) return 'transient'
  return FAULT_CODE.test(reason) || isBug(cause) ? 'fault' : 'unknown'
}

/** An error that the language throws, and no database. */
function isBug(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  )
}
