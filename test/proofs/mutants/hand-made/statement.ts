// Mutants of which value stands where in a statement.
import type { HandMadeSet } from '../mutant.ts'

const VALUE = 'name === undefined ? params[index] : Reflect.get(values, name)'

export const statement: HandMadeSet = {
  file: 'src/storage/statement.ts',
  mutants: [
    {
      name: 'binds the values backwards',
      find: `${VALUE},\n      ),`,
      replace: `${VALUE},\n      ).toReversed(),`,
    },
    {
      name: 'binds the values in the order in which they were given',
      find: 'Reflect.get(values, name)',
      replace: 'Object.values(values)[index]',
    },
    {
      name: 'binds each value once',
      find: 'names.map((name, index) =>\n        name === undefined',
      replace:
        'names.map((name, index) =>\n        name !== undefined && names.indexOf(name) < index ? null : name === undefined',
    },
    {
      name: 'binds a placeholder in the place of its value',
      find: 'is(param, Placeholder) ? param.name : undefined',
      replace: 'undefined',
    },
    {
      name: 'binds nothing where a placeholder is not found',
      find: 'Reflect.get(values, name)',
      replace: 'Reflect.get(values, name.toLowerCase()) ?? null',
    },
    {
      name: 'binds no constant',
      find: 'name === undefined ? params[index] : Reflect.get(values, name)',
      replace: 'name === undefined ? null : Reflect.get(values, name)',
    },
    {
      name: 'binds the values of the request before',
      find: '  return (values) => {\n    made ??= make(text)\n',
      replace:
        '  let before: object | undefined\n  return (given) => {\n    made ??= make(text)\n    const values = before ?? given\n    before = given\n',
    },
    {
      name: 'binds the values of the first request for ever',
      find: '  return (values) => {\n    made ??= make(text)\n',
      replace:
        '  let first: object | undefined\n  return (given) => {\n    made ??= make(text)\n    const values = (first ??= given)\n',
    },
  ],
}
