// Mutants of which tokens are remembered, and for how long (contract, section 1).
import type { HandMadeSet } from '../mutant.ts'

export const verifiedTokens: HandMadeSet = {
  file: 'src/tokens/verified-tokens.ts',
  mutants: [
    {
      name: 'believes a token that has expired since',
      find: ' && seconds < Number(exp)',
      replace: '',
    },
    {
      name: 'believes a token in the second in which it expires',
      find: 'seconds < Number(exp)',
      replace: 'Math.floor(seconds) <= Number(exp)',
    },
    {
      name: 'decides itself in the seconds that clocks are allowed',
      find: 'seconds < Number(exp)',
      replace: 'seconds < Number(exp) + 5',
    },
    {
      name: 'believes a token whose iat is to come',
      find: 'Number(iat) <= seconds && ',
      replace: '',
    },
    {
      name: 'believes a token whose nbf is to come',
      find: ' && Number(nbf) <= seconds',
      replace: '',
    },
    {
      name: 'remembers no token without nbf',
      find: 'nbf = iat,',
      replace: 'nbf,',
    },
    {
      name: 'keeps a token that is no longer current',
      find: '    this.#claims.delete(token)\n    return undefined\n',
      replace: '    return undefined\n',
    },
    {
      name: 'believes tokens of before a change of the keys',
      find: '    this.#claims.clear()\n',
      replace: '',
    },
    {
      name: 'takes keys that are newer for the same',
      find: 'if (keysVersion !== this.#keysVersion) this',
      replace: 'if (keysVersion < this.#keysVersion) this',
    },
    {
      name: 'never believes a token again once the keys have changed',
      find: '    this.#keysVersion = keysVersion\n',
      replace: '',
    },
    {
      name: 'remembers what was verified with the keys of before',
      find: ' || keysVersion !== this.#keysVersion) return',
      replace: ') return',
    },
    {
      name: 'remembers a token of any length',
      find: 'token.length > MAX_TOKEN_LENGTH || ',
      replace: '',
    },
    {
      name: 'remembers tokens of 1 KiB at most',
      find: 'MAX_TOKEN_LENGTH = 2_048',
      replace: 'MAX_TOKEN_LENGTH = 1_024',
    },
    {
      name: 'remembers tokens of 2,049 characters',
      find: 'MAX_TOKEN_LENGTH = 2_048',
      replace: 'MAX_TOKEN_LENGTH = 2_049',
    },
    {
      name: 'remembers any number of tokens',
      find: 'this.#claims.size < MAX_TOKENS ? [] : this.#claims.keys()',
      replace: '[]',
    },
    {
      name: 'remembers a token more',
      find: 'MAX_TOKENS = 2_000',
      replace: 'MAX_TOKENS = 2_001',
    },
    {
      name: 'remembers a token less',
      find: 'MAX_TOKENS = 2_000',
      replace: 'MAX_TOKENS = 1_999',
    },
    {
      name: 'remembers nothing new once it is full',
      find: 'if (oldest !== undefined) this.#claims.delete(oldest)',
      replace: 'if (oldest !== undefined) return',
    },
    {
      name: 'forgets all once it is full',
      find: 'if (oldest !== undefined) this.#claims.delete(oldest)',
      replace: 'if (oldest !== undefined) this.#claims.clear()',
    },
    {
      name: 'gives up the newest for the next',
      find: '[] : this.#claims.keys()',
      replace: '[] : [...this.#claims.keys()].slice(-1)',
    },
  ],
}
