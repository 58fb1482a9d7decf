// Mutants of what is left of an account that is to be forgotten.
import type { HandMadeSet } from '../mutant.ts'

export const erasure: HandMadeSet = {
  file: 'src/storage/erasure.ts',
  mutants: [
    { name: 'stops after one step', find: 'MAX_STEPS = 15', replace: 'MAX_STEPS = 1' },
    { name: 'goes on for a step more', find: 'MAX_STEPS = 15', replace: 'MAX_STEPS = 16' },
    { name: 'removes half as many', find: 'STEP_ROWS = 1_000', replace: 'STEP_ROWS = 500' },
    { name: 'removes twice as many', find: 'STEP_ROWS = 1_000', replace: 'STEP_ROWS = 2_000' },
    {
      name: 'says that it is done after one step',
      find: 'if (remaining.length === 0) return',
      replace: 'return',
    },
    {
      name: 'never says that it is done',
      find: '    if (remaining.length === 0) return\n',
      replace: '',
    },
    {
      name: 'removes the cart from all accounts',
      find: 'where ${rowsOfAccount} and ${cartId} in (',
      replace: "where store_id = ${sql.placeholder('storeId')} and ${cartId} in (",
    },
    {
      name: 'says that it is done where rows are left',
      find: "  throw new UnavailableError('The account has more associations than one request removes')\n",
      replace: '',
    },
    {
      name: 'asks what is left before it removes',
      find: 'const [, remaining] = await db.query(deleteStep(account), selectAny(account))',
      replace: 'const [remaining] = await db.query(selectAny(account), deleteStep(account))',
    },
  ],
}
