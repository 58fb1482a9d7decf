// The one function of workerd's own module that the types of src/ reach, for the scripts in Node.
declare module 'cloudflare:workers' {
  export function waitUntil(promise: Promise<unknown>): void
}
