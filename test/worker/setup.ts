import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterAll, afterEach, beforeEach, expect } from 'vitest'
import app from '../../src/app.ts'
import { requireContract } from './contract.ts'
import {
  keepSecret,
  keepTokensOf,
  lookForSecrets,
  lookForSecretsInRows,
  recordLog,
  takeFoundSecrets,
  takeLog,
} from './logs.ts'

await applyD1Migrations(env.DB, env.TEST_MIGRATIONS)

for (const { d, k, p, q, dp, dq, qi } of env.TEST_SIGNING_KEYS) keepSecret(d, k, p, q, dp, dq, qi)
recordLog()

// Every response to a test, sent in whichever way, must be one that the OpenAPI document promises.
const answer = app.fetch
app.fetch = async (request, ...others) => {
  keepTokensOf(request)
  const response = await answer(request, ...others)
  await requireContract(request, response)
  lookForSecrets('A header', JSON.stringify([...response.headers]))
  lookForSecrets('An answer', await response.clone().text())
  return response
}

beforeEach(() => {
  takeLog()
})

afterEach(() => {
  expect(takeFoundSecrets()).toEqual([])
})

afterAll(async () => {
  await lookForSecretsInRows()
  expect(takeFoundSecrets()).toEqual([])
})
