// The directory of this checkout: commands find its files from any working directory.
import path from 'node:path'

export const projectRoot = path.resolve(import.meta.dirname, '../..')
