// npm run import: moves associations in from a file, out of reach of the terminal's Ctrl-C.
import path from 'node:path'
import { runInOwnGroup } from '../lib/in-own-group.ts'

const script = path.join(import.meta.dirname, 'import-command.ts')
process.exitCode = await runInOwnGroup(script, process.argv.slice(2))
