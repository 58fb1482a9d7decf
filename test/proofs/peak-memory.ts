// Loaded into a process before its script: keeps its peak memory in a file, whatever ends it.
import { writeFileSync } from 'node:fs'

const EVERY_MS = 200

const { PEAK_MEMORY_FILE } = process.env
if (PEAK_MEMORY_FILE !== undefined) {
  const keep = () => writeFileSync(PEAK_MEMORY_FILE, String(process.resourceUsage().maxRSS * 1_024))
  setInterval(keep, EVERY_MS).unref()
  process.once('exit', keep)
}
