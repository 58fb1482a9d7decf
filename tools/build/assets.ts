// Writes the assets of the Worker, without tokens: wrangler runs this before it reads them.
import path from 'node:path'
import { projectRoot } from '../lib/directories.ts'
import { removeOthers, writeReference } from './reference.ts'

const directory = path.join(projectRoot, 'dist', 'assets')

await writeReference(directory)
await removeOthers(directory)
