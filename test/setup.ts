import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import app from '../src/app.ts'
import { requireContract } from './contract.ts'

await applyD1Migrations(env.DB, env.TEST_MIGRATIONS)

// Whatever a test asks, by whichever way, the answer is one that the OpenAPI document promises.
const answer = app.fetch
app.fetch = async (request, ...others) => {
  const response = await answer(request, ...others)
  await requireContract(request, response)
  return response
}
