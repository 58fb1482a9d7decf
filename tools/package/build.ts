// npm run package: writes dist/package, the directory that npm packs and publishes.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { build as bundle } from 'esbuild'
import { CommandError, run } from '../lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../lib/directories.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { build as buildWorker } from '../lib/wrangler.ts'

const TSC = 'node_modules/typescript/bin/tsc'
/** As in this project, so that the code finds the files beside it in the same way. */
const CODE = 'tools/package'
/** What the code reads at run time, and the licence. */
const COPIED = ['LICENSE', 'migrations', 'wrangler.toml']

await run(async () => {
  stopAllAtTheEnd()
  const { name, version, description, license, ...own } = JSON.parse(read('package.json'))
  const directory = path.join(projectRoot, 'dist', 'package')
  const temporary = temporaryDirectory('package')
  rmSync(directory, { recursive: true, force: true })
  const [bundled] = await Promise.all([bundleCode(directory), buildWorker(temporary)])
  declareTypes(temporary)
  for (const name of COPIED) {
    cpSync(path.join(projectRoot, name), path.join(directory, name), { recursive: true })
  }
  mkdirSync(path.join(directory, 'worker'))
  copyFileSync(path.join(temporary, 'app.js'), path.join(directory, 'worker/app.js'))
  const types = `${CODE}/testing.d.ts`
  copyFileSync(path.join(temporary, types), path.join(directory, types))
  const published = {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=22' },
    bin: { 'cart-accounts': `${CODE}/dev.js` },
    exports: {
      './testing': { types: `./${types}`, default: `./${CODE}/testing.js` },
      './package.json': './package.json',
    },
    dependencies: { miniflare: own.devDependencies.miniflare },
  }
  const written = {
    'README.md': read('docs/testing-your-shop.md'),
    'THIRD-PARTY-LICENSES': licencesOf([...Object.keys(own.dependencies), ...bundled]),
    'package.json': `${JSON.stringify(published, null, 2)}\n`,
  }
  for (const [name, text] of Object.entries(written)) {
    writeFileSync(path.join(directory, name), text)
  }
  process.stdout.write('Wrote dist/package: npm pack ./dist/package makes the tarball\n')
})

function read(name: string): string {
  return readFileSync(path.join(projectRoot, name), 'utf8')
}

/** Compiles the commands with all that they import but Miniflare; returns the packages among it. */
async function bundleCode(directory: string): Promise<string[]> {
  const { metafile } = await bundle({
    absWorkingDir: projectRoot,
    entryPoints: [`${CODE}/dev.ts`, `${CODE}/testing.ts`],
    outdir: path.join(directory, CODE),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    external: ['miniflare'],
    metafile: true,
    logLevel: 'warning',
  })
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
  return files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])
}

/** @throws CommandError with what the compiler says */
function declareTypes(directory: string): void {
  const args = [
    ...[`${CODE}/testing.ts`, 'tools/lib/workers-types.d.ts', '--ignoreConfig'],
    ...['--declaration', '--emitDeclarationOnly', '--outDir', directory, '--rootDir', '.'],
    ...['--module', 'nodenext', '--target', 'esnext', '--types', 'node', '--strict'],
    ...['--skipLibCheck', '--allowImportingTsExtensions'],
  ]
  const { status, stdout } = spawnSync(process.execPath, [TSC, ...args], {
    cwd: projectRoot,
    encoding: 'utf8',
  })
  if (status !== 0) throw new CommandError(stdout.trim())
}

/** The licences of the packages whose code is inside, with the texts that they come with. */
function licencesOf(names: string[]): string {
  const texts = [...new Set(names)].toSorted().map((name) => {
    const directory = path.join('node_modules', name)
    const { version, license } = JSON.parse(read(path.join(directory, 'package.json')))
    const files = readdirSync(path.join(projectRoot, directory))
    const licences = files.filter((file) => /^licen[cs]e/i.test(file))
    const texts = licences.map((file) => read(path.join(directory, file)))
    return [`${name}@${version}: ${license}`, ...texts].map((text) => `${text.trim()}\n`).join('\n')
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}
