// What src/ takes for granted in workerd, for the scripts that use it in Node: global types, and one function.
type D1Database = import('@cloudflare/workers-types').D1Database
type D1DatabaseSession = import('@cloudflare/workers-types').D1DatabaseSession
type D1Result = import('@cloudflare/workers-types').D1Result
type RateLimit = import('@cloudflare/workers-types').RateLimit
type CryptoKey = import('node:crypto').webcrypto.CryptoKey
type JsonWebKey = import('node:crypto').webcrypto.JsonWebKey

declare module 'cloudflare:workers' {
  export function waitUntil(promise: Promise<unknown>): void
}
