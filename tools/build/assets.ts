// Writes the assets of the Worker, without tokens: wrangler runs this before it reads them.
import path from 'node:path'
import { projectRoot } from '../lib/directories.ts'
import { writeReference } from './reference.ts'

await writeReference(path.join(projectRoot, 'dist', 'assets'))
