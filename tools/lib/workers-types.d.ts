// The types of Workers that src/ takes for granted, for the scripts that use it in Node.
import type { webcrypto } from 'node:crypto'
import type * as workers from '@cloudflare/workers-types'

declare global {
  type D1Database = workers.D1Database
  type D1DatabaseSession = workers.D1DatabaseSession
  type D1Result = workers.D1Result
  type RateLimit = workers.RateLimit
  type CryptoKey = webcrypto.CryptoKey
  type JsonWebKey = webcrypto.JsonWebKey
}
