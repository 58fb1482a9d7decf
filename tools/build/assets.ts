// What wrangler runs before it reads the assets of the Worker: writes them, nobody's tokens among them.
import path from 'node:path'
import { projectRoot } from '../lib/project-root.ts'
import { removeOthers, writeReference } from './reference.ts'

const directory = path.join(projectRoot, 'dist', 'assets')

await writeReference(directory)
await removeOthers(directory)
