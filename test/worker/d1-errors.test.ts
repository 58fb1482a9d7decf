// Error messages seen from D1, SQLite and workerd, and the response to each (contract, section 9).
import { describe, expect, it } from 'vitest'
import { accounts, accountsOf, sendCounted, uniqueId } from './requests.ts'
import { server } from './tokens.ts'
import { d1Error } from './wrapped-d1.ts'

const soon = /^[123]$/
const later = /^[6-8]\d$/
const absent = /^null$/

const kinds = [
  {
    kind: 'is tried three times, then 503 for 1 to 3 s',
    expected: { status: 503, retry: soon, tries: 3 },
    texts: [
      'Network connection lost.',
      'Internal error in D1 DB storage caused object to be reset.',
      'Internal error in Durable Object storage write caused object to be reset.',
      'D1 DB reset because its code was updated.',
      'Durable Object reset because its code was updated.',
      "The Durable Object's code has been updated, this version can no longer access storage.",
      'Cannot resolve D1 DB due to transient issue on remote node.',
      "Can't read from request stream because client disconnected.",
      'internal error; reference = d1lbkpu5rhv2',
      'internal error',
      'Replica disconnected from primary.',
      'database is locked: SQLITE_BUSY',
      'database is locked',
      'database table is locked: SQLITE_LOCKED',
      'disk I/O error: SQLITE_IOERR',
      'Connection closed.',
      'The connection was reset by the peer',
      'Peer disconnected',
      'fetch failed',
      'Connection refused',
      'read ECONNRESET',
      'socket hang up',
      'database schema has changed: SQLITE_SCHEMA',
    ],
  },
  {
    kind: 'is not tried again: 503 for 1 to 3 s',
    expected: { status: 503, retry: soon, tries: 1 },
    texts: [
      'D1 DB is overloaded. Requests queued for too long.',
      'D1 DB is overloaded. Too many requests queued.',
      'Durable Object is overloaded. Too many requests for the same object within a 10 second window.',
      'D1 DB storage operation exceeded timeout which caused object to be reset.',
      'Durable Object storage operation exceeded timeout which caused object to be reset.',
      "D1 DB's isolate exceeded its memory limit and was reset.",
      'Durable Object exceeded its memory limit and was reset.',
      'D1 DB exceeded its CPU time limit and was reset.',
      'Memory limit would be exceeded before EOF.',
      'Too many API requests by single worker invocation.',
      'out of memory: SQLITE_NOMEM',
      'interrupted: SQLITE_INTERRUPT',
      'Query timed out',
      'Too many connections',
      'Failed to parse body as JSON, got: error code: 1031',
      'database disk image is malformed: SQLITE_CORRUPT',
      'attempt to write a readonly database: SQLITE_READONLY',
      'The database was struck by lightning.',
    ],
  },
  {
    kind: 'is not tried again: 503 for a minute or more',
    expected: { status: 503, retry: later, tries: 1 },
    texts: [
      'Currently processing a long-running export.',
      'Currently processing a long-running import.',
      'Your account has exceeded D1 daily limits.',
      'Exceeded the daily limit of rows written for the Free plan.',
      'Your account has exceeded the free tier limit of 5 million rows read per day.',
      'Exceeded maximum DB size',
      "Your account has exceeded D1's maximum account storage limit, please contact Cloudflare to raise your limit: SQLITE_FULL",
      'database or disk is full: SQLITE_FULL',
      'Export in progress',
      'Import already in progress',
      'The database is being restored.',
      'You have used up your quota of rows written, which resets at midnight UTC',
    ],
  },
  {
    kind: 'is a fault of ours: 500',
    expected: { status: 500, retry: absent, tries: 1 },
    texts: [
      'no such table: associations: SQLITE_ERROR',
      'no such column: used_at at offset 12: SQLITE_ERROR',
      'table associations has no column named used_at: SQLITE_ERROR',
      'near "selct": syntax error at offset 0: SQLITE_ERROR',
      'incomplete input: SQLITE_ERROR',
      'unrecognized token: "#": SQLITE_ERROR',
      'UNIQUE constraint failed: associations.store_id: SQLITE_CONSTRAINT',
      'CHECK constraint failed: length(secret_digest) = 64: SQLITE_CONSTRAINT_CHECK',
      'NOT NULL constraint failed: associations.created_by: SQLITE_CONSTRAINT',
      'NOT NULL constraint failed: associations.account_id: SQLITE_CONSTRAINT',
      'FOREIGN KEY constraint failed: SQLITE_CONSTRAINT',
      'cannot store TEXT value in INTEGER column associations.created_at: SQLITE_CONSTRAINT',
      'datatype mismatch: SQLITE_MISMATCH',
      'too many SQL variables at offset 420: SQLITE_ERROR',
      'Wrong number of parameter bindings for SQL query.',
      'malformed JSON: SQLITE_ERROR',
      'string or blob too big: SQLITE_TOOBIG',
      'Statement too long',
      'no such function: uuid: SQLITE_ERROR',
      'ambiguous column name: store_id: SQLITE_ERROR',
      'not authorized: SQLITE_AUTH',
      'a sentence that SQLite has not said before: SQLITE_ERROR',
      'column index out of range: SQLITE_RANGE',
      "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
    ],
  },
]

async function expectAnswer(error: Error, expected: (typeof kinds)[number]['expected']) {
  const body = accounts('account-1')
  const around = () => Promise.reject(error)

  const { response, status, trips } = await sendCounted(
    'POST',
    accountsOf(uniqueId('cart')),
    await server(),
    { body, around },
  )

  expect([status, trips]).toEqual([expected.status, expected.tries])
  expect(String(response.headers.get('Retry-After'))).toMatch(expected.retry)
}

describe.each(kinds)('what $kind', ({ expected, texts }) => {
  it.each(texts)('%s', async (text) => {
    await expectAnswer(new Error(`D1_ERROR: ${text}`), expected)
    await expectAnswer(d1Error(text), expected)
  })
})

describe('an error of JavaScript', () => {
  it.each([new TypeError('x'), new RangeError('x'), new ReferenceError('x'), new SyntaxError('x')])(
    'is a bug of ours: 500: $name',
    async (error) => {
      await expectAnswer(error, { status: 500, retry: absent, tries: 1 })
    },
  )
})
