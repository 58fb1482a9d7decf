// Mutants of when the keys of another issuer are fetched, kept and given up.
import type { HandMadeSet } from '../mutant.ts'

export const remoteKeys: HandMadeSet = {
  file: 'src/tokens/remote-keys.ts',
  mutants: [
    { name: 'waits 4 s', find: 'DEADLINE_MS = 5_000', replace: 'DEADLINE_MS = 4_000' },
    { name: 'waits 9 s', find: 'DEADLINE_MS = 5_000', replace: 'DEADLINE_MS = 9_000' },
    {
      name: 'reads a key set of any size',
      find: 'MAX_BYTES = 64 * 1024',
      replace: 'MAX_BYTES = 64 * 1024 * 1024',
    },
    {
      name: 'reads a key set of 1 KiB at most',
      find: 'MAX_BYTES = 64 * 1024',
      replace: 'MAX_BYTES = 1024',
    },
    { name: 'keeps keys for an hour', find: '10 * 60_000', replace: '60 * 60_000' },
    { name: 'keeps keys for a minute', find: '10 * 60_000', replace: '60_000' },
    {
      name: 'asks for unknown keys after a second',
      find: 'REFETCH_PAUSE_MS = 30_000',
      replace: 'REFETCH_PAUSE_MS = 1_000',
    },
    {
      name: 'asks for unknown keys after a minute',
      find: 'REFETCH_PAUSE_MS = 30_000',
      replace: 'REFETCH_PAUSE_MS = 60_000',
    },
    {
      name: 'asks at once after a first load that failed',
      find: 'FIRST_LOAD_PAUSE_MS = 5_000',
      replace: 'FIRST_LOAD_PAUSE_MS = 0',
    },
    {
      name: 'asks 30 s after a first load that failed',
      find: 'FIRST_LOAD_PAUSE_MS = 5_000',
      replace: 'FIRST_LOAD_PAUSE_MS = 30_000',
    },
    {
      name: 'takes shared secrets that an issuer publishes',
      find: "['ES256', 'EdDSA', 'RS256']",
      replace: "['ES256', 'EdDSA', 'RS256', 'HS256']",
    },
    {
      name: 'lets jose keep the keys for its own time',
      find: 'cacheMaxAge: Number.POSITIVE_INFINITY',
      replace: 'cacheMaxAge: 600_000',
    },
    {
      name: 'lets jose ask again after its own pause',
      find: 'cooldownDuration: Number.POSITIVE_INFINITY',
      replace: 'cooldownDuration: 0',
    },
    { name: 'lets jose fetch', find: '      [customFetch]: fetchKeySet,\n', replace: '' },
    { name: 'never refreshes', find: '    else this.refreshWhenOld()\n', replace: '' },
    {
      name: 'lets requests wait for a refresh',
      find: 'else this.refreshWhenOld()',
      replace: 'else await this.#load()',
    },
    {
      name: 'refuses with an unknown key while the issuer is down',
      find: '    if (this.#failure !== undefined) throw this.#unavailable()\n    throw new',
      replace: '    throw new',
    },
    {
      name: 'asks for an unknown key as often as it is named',
      find: '      if (Date.now() < this.#unknownAskedAt + REFETCH_PAUSE_MS) return\n',
      replace: '',
    },
    {
      name: 'forgets when an unknown key was asked for',
      find: '      this.#unknownAskedAt = Date.now()\n    }',
      replace: '    }',
    },
    {
      name: 'asks again for what was loaded for this very token',
      find: 'if (first) this.#unknownAskedAt = Date.now()\n    else await',
      replace: 'await',
    },
    {
      name: 'never asks for an unknown key',
      find: 'else await this.#askForUnknown()',
      replace: 'else await Promise.resolve()',
    },
    {
      name: 'fetches once for each request',
      find: 'this.#loading === undefined || stuck ?',
      replace: 'true ?',
    },
    {
      name: 'waits for a fetch that never ends',
      find: 'this.#loading === undefined || stuck ?',
      replace: 'this.#loading === undefined ?',
    },
    {
      name: 'gives a fetch up as stuck at once',
      find: '2 * DEADLINE_MS',
      replace: '0 * DEADLINE_MS',
    },
    {
      name: 'gives a fetch up as stuck after its deadline',
      find: '2 * DEADLINE_MS',
      replace: '1 * DEADLINE_MS',
    },
    {
      name: 'waits for ever',
      find: 'await within(DEADLINE_MS, done, () => this.#unavailable())',
      replace: 'await done',
    },
    {
      name: 'remembers a failure after a success',
      find: '        this.#failure = undefined\n',
      replace: '',
    },
    {
      name: 'forgets that keys were loaded',
      find: '        this.#loadedAt = startedAt\n',
      replace: '',
    },
    {
      name: 'tells of no change of the keys',
      find: '        this.version += 1\n',
      replace: '        this.version = 1\n',
    },
    {
      name: 'takes keys that it has for none',
      find: '        this.version += 1\n',
      replace: '',
    },
    {
      name: 'fetches keys that are not old',
      find: 'now >= this.#loadedAt + MAX_AGE_MS && !pausing',
      replace: '!pausing',
    },
    {
      name: 'fetches old keys for every request',
      find: ' && !pausing) this.#startLoading()',
      replace: ') this.#startLoading()',
    },
    {
      name: 'counts the age of keys from their arrival',
      find: 'this.#loadedAt = startedAt',
      replace: 'this.#loadedAt = Date.now()',
    },
    { name: 'forgets a failure', find: '        this.#failure = error\n', replace: '' },
    {
      name: 'logs no failure',
      find: 'console.error(JSON.stringify({ setting: this.#setting, reason: String(error) }))',
      replace: '',
    },
    { name: 'forgets when it asked', find: '    this.#attemptedAt = startedAt\n', replace: '' },
    {
      name: 'never clears a fetch that has ended',
      find: 'if (this.#loading === loading) this.#loading = undefined',
      replace: '',
    },
    {
      name: 'clears the fetch of another',
      find: 'if (this.#loading === loading) this.#loading = undefined',
      replace: 'this.#loading = undefined',
    },
    { name: 'breaks a fetch off with its request', find: '    waitUntil(ended)\n', replace: '' },
    {
      name: 'follows redirects',
      find: '{ headers, signal, redirect })\n  const',
      replace: "{ headers, signal, redirect: 'follow' })\n  const",
    },
    {
      name: 'is not told when to stop',
      find: '{ headers, signal, redirect })\n  const',
      replace: '{ headers, redirect })\n  const',
    },
    {
      name: 'takes a key set under any status',
      find: 'status !== 200 || body === null',
      replace: 'body === null',
    },
    {
      name: 'leaves a body that it will not read',
      find: '    await body?.cancel()\n',
      replace: '',
    },
    {
      name: 'takes the keys that could not verify here',
      find: 'return await usableKeys(JSON.parse(new TextDecoder().decode(bytes)))',
      replace: 'return JSON.parse(new TextDecoder().decode(bytes)).keys',
    },
    {
      name: 'logs what the address answered',
      find: "throw new Error('The key set is not a JSON Web Key Set')",
      replace: 'throw new Error(`Not a key set: ${new TextDecoder().decode(bytes)}`)',
    },
  ],
}
