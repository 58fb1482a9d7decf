// The ports of this machine: which is taken, and which is free.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { badArgument, CommandError } from './command-line.ts'

export const DEFAULT_PORT = '8787'

/** @throws CommandError, exit code 2, if this is not the number of a port */
export function portOf(option: string | boolean = DEFAULT_PORT): number {
  const port = typeof option === 'string' && /^\d{1,5}$/.test(option) ? Number(option) : 0
  if (port > 0 && port < 65_536) return port
  throw badArgument('--port must be a number from 1 to 65535')
}

/** @throws CommandError in one line if some process listens on the port, saying what chooses another */
export async function requireFreePort(port: number, choose = 'npm start -- --port'): Promise<void> {
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
      throw new CommandError(`Port ${port} ${why}: choose another, ${choose} ${another}`)
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
