// Mutants of how often the database is asked, and which copy of it (contract, section 9).
import type { HandMadeSet } from '../mutant.ts'

export const database: HandMadeSet = {
  file: 'src/storage/database.ts',
  mutants: [
    { name: 'never tries again', find: 'MAX_ATTEMPTS = 3', replace: 'MAX_ATTEMPTS = 1' },
    { name: 'tries twice', find: 'MAX_ATTEMPTS = 3', replace: 'MAX_ATTEMPTS = 2' },
    { name: 'tries four times', find: 'MAX_ATTEMPTS = 3', replace: 'MAX_ATTEMPTS = 4' },
    { name: 'waits 4 s', find: 'DEADLINE_MS = 5_000', replace: 'DEADLINE_MS = 4_000' },
    { name: 'waits 9 s', find: 'DEADLINE_MS = 5_000', replace: 'DEADLINE_MS = 9_000' },
    { name: 'tries again at once', find: 'Math.random() * BACKOFF_MS', replace: '0 * BACKOFF_MS' },
    {
      name: 'comes back in step with other callers',
      find: 'Math.random() * BACKOFF_MS',
      replace: 'BACKOFF_MS',
    },
    {
      name: 'never waits longer than the first time',
      find: ' * 2 ** (failedTries - 1)',
      replace: '',
    },
    {
      name: 'tries an overloaded database again',
      find: "      if (EXHAUSTED.test(reason)) throw new UnavailableError('D1 is exhausted', { cause: error })\n      if (!TRANSIENT.test(reason)) throw toError(error)\n",
      replace: '      if (!TRANSIENT.test(reason) && !EXHAUSTED.test(reason)) throw error\n',
    },
    {
      name: 'tries again what it does not know',
      find: '      if (!TRANSIENT.test(reason)) throw toError(error)\n',
      replace: '',
    },
    {
      name: 'answers 500 to overload',
      find: "      if (EXHAUSTED.test(reason)) throw new UnavailableError('D1 is exhausted', { cause: error })\n",
      replace: '',
    },
    {
      name: 'takes a timeout that reset the object for transient',
      find: 'EXHAUSTED = /overloaded|exceeded/i',
      replace: 'EXHAUSTED = /overloaded/i',
    },
    {
      name: 'does not know overload',
      find: 'EXHAUSTED = /overloaded|exceeded/i',
      replace: 'EXHAUSTED = /exceeded/i',
    },
    {
      name: 'does not know a lost connection',
      find: 'TRANSIENT =\n  /Network connection lost|',
      replace: 'TRANSIENT =\n  /',
    },
    {
      name: 'does not know a reset object',
      find: 'storage caused object to be reset|',
      replace: '',
    },
    {
      name: 'does not know updated code',
      find: 'reset because its code was updated|',
      replace: '',
    },
    {
      name: 'does not know a database that cannot be found',
      find: '|Cannot resolve D1 DB due to transient issue/i',
      replace: '/i',
    },
    {
      name: 'reads the outermost message',
      find: 'String(rootCause(error))',
      replace: 'String(error)',
    },
    {
      name: 'gives each try a deadline of its own',
      find: 'return this.#attempt(call, tryNumber + 1, giveUpAt)',
      replace: 'return this.#attempt(call, tryNumber + 1, Date.now() + DEADLINE_MS)',
    },
    {
      name: 'starts a try after the deadline',
      find: ' || Date.now() + pauseMs >= giveUpAt',
      replace: '',
    },
    {
      name: 'starts a try that outlasts the pause',
      find: 'Date.now() + pauseMs >= giveUpAt',
      replace: 'Date.now() >= giveUpAt',
    },
    {
      name: 'waits for a database that stalls',
      find: 'await within(remainingMs, work, late)',
      replace: 'await within(60_000, work, late)',
    },
    {
      name: 'gives each call a deadline of its own',
      find: 'this.#giveUpAt ??= startedAt',
      replace: 'this.#giveUpAt = startedAt',
    },
    {
      name: 'counts no attempts',
      find: '    this.attempts += 1\n',
      replace: '',
    },
    {
      name: 'counts the first attempt alone',
      find: '    this.attempts += 1\n',
      replace: '    this.attempts = 1\n',
    },
    {
      name: 'takes no time',
      find: '      this.ms += Date.now() - startedAt\n',
      replace: '',
    },
    {
      name: 'passes on what is no error',
      find: "return error instanceof Error ? error : new Error('D1 failed', { cause: error })",
      replace: 'return error as Error',
    },
    {
      name: 'runs each statement in a trip of its own',
      find: '() => this.#session.batch(prepared)',
      replace:
        'async () => (await Promise.all(prepared.map((each) => this.#session.batch([each])))).flat()',
    },
    {
      name: 'runs the statements one after the other',
      find: '() => this.#session.batch(prepared)',
      replace:
        'async () => { const all = []; for (const each of prepared) all.push(...await this.#session.batch([each])); return all }',
    },
    {
      name: 'answers 500 where every try failed',
      find: "throw new UnavailableError('D1 failed at every try', { cause: error })",
      replace: 'throw error',
    },
    {
      name: 'keeps the cause of its failure to itself',
      find: "'D1 failed at every try', { cause: error }",
      replace: "'D1 failed at every try'",
    },
    {
      name: 'keeps the cause of its exhaustion to itself',
      find: "'D1 is exhausted', { cause: error }",
      replace: "'D1 is exhausted'",
    },
  ],
}

export const session: HandMadeSet = {
  file: 'src/storage/session.ts',
  mutants: [
    {
      name: 'writes anywhere',
      find: "d1.withSession('first-primary')",
      replace: "d1.withSession('first-unconstrained')",
    },
    {
      name: 'reads anywhere',
      find: "  if (consistency === 'primary') return primaryDatabase(d1)\n",
      replace: '',
    },
    {
      name: 'reads from the primary always',
      find: "if (consistency === 'primary') return",
      replace: 'return',
    },
    {
      name: 'hands a malformed bookmark to D1',
      find: 'bookmark !== undefined && BOOKMARK.test(bookmark)',
      replace: 'bookmark !== undefined',
    },
    {
      name: 'ignores the bookmark',
      find: 'bookmark !== undefined && BOOKMARK.test(bookmark)',
      replace: 'false',
    },
  ],
}

export const applicationKeys: HandMadeSet = {
  file: 'src/storage/application-keys.ts',
  mutants: [
    {
      name: 'finds the first key',
      find: " where ${eq(applicationKeys.clientId, sql.placeholder('clientId'))}`",
      replace: '`',
    },
    {
      name: 'finds a key by its store',
      find: 'eq(applicationKeys.clientId,',
      replace: 'eq(applicationKeys.storeId,',
    },
    {
      name: 'forgets the secret',
      find: '${secretDigest} as "secretDigest"',
      replace: 'null as "secretDigest"',
    },
    {
      name: 'takes the client for the store',
      find: '${storeId} as "storeId"',
      replace: '${applicationKeys.clientId} as "storeId"',
    },
  ],
}
