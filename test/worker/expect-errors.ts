// The error document (contract, section 9), compared as a whole.
import { expect } from 'vitest'
import type { ErrorObject } from '../../src/errors.ts'

/** Expects this status and exactly these error objects, each of which repeats the status. */
export async function expectErrors(
  response: Response,
  status: number,
  ...errors: ErrorObject[]
): Promise<void> {
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ errors: errors.map((each) => ({ status, ...each })) })
}
