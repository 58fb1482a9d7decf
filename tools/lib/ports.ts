// The ports of this machine: which is taken, and which is free.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { CommandError } from './command-line.ts'

/** @throws CommandError in one line if some process listens on the port */
export async function requireFreePort(port: number): Promise<void> {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer()
    server.listen({ port, host })
    try {
      await once(server, 'listening')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') continue
      const why = error.code === 'EACCES' ? 'may not be used by this user' : 'is taken'
      const another = port === 65_535 ? port - 1 : port + 1
      throw new CommandError(`Port ${port} ${why}: choose another, npm start -- --port ${another}`)
    } finally {
      server.close()
    }
  }
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('Not an address of TCP')
  return address.port
}
