// Loaded into a process before its script: records its peak memory in a file, however it ends.
import { writeFileSync } from 'node:fs'
import path from 'node:path'

const EVERY_MS = 200

const { PEAK_MEMORY_DIRECTORY } = process.env
if (PEAK_MEMORY_DIRECTORY !== undefined) {
  const file = path.join(PEAK_MEMORY_DIRECTORY, String(process.pid))
  const keep = () => writeFileSync(file, String(process.resourceUsage().maxRSS * 1_024))
  keep()
  setInterval(keep, EVERY_MS).unref()
  process.once('exit', keep)
}
