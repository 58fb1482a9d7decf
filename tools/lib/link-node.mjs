// Runs after npm ci, on any Node: puts the Node of the lock file before all others on the path of npm scripts and npx.
import { existsSync, linkSync, readFileSync, rmSync } from 'node:fs'

// npm links it too, but npm 10 removes the link again with the packages of other platforms, whose command has this name too.
const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const name of Object.keys(optionalDependencies)) {
  for (const file of ['node', 'node.exe']) {
    const binary = `node_modules/${name}/bin/${file}`
    if (!existsSync(binary)) continue
    const link = `node_modules/.bin/${file}`
    rmSync(link, { force: true })
    linkSync(binary, link)
  }
}
