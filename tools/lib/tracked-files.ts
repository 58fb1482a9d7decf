// Whether git keeps what is for this machine alone.
import { spawnSync } from 'node:child_process'
import type { Finding } from '../deploy/findings.ts'
import { projectRoot } from './project-root.ts'

const LOCAL_FILES = ['.dev.vars', '.wrangler']

/** A warning for each file with keys or rows of this machine that git has; none where there is no git. */
export function trackedFindings(directory = projectRoot): Finding[] {
  const { status, stdout } = spawnSync('git', ['ls-files', '--', ...LOCAL_FILES], {
    cwd: directory,
    encoding: 'utf8',
  })
  if (status !== 0) return []
  return LOCAL_FILES.filter((name) => stdout.startsWith(name) || stdout.includes(`\n${name}`)).map(
    (name) => ({
      kind: 'warning',
      text: `git has ${name}, which holds keys or rows of this machine`,
      mend: `git rm -r --cached ${name}`,
    }),
  )
}
