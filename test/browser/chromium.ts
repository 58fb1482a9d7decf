// The browser of this machine: where it is found, and how it is started.
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { CommandError } from '../../tools/lib/command-line.ts'

/** Where it is looked for, and the command that installs one. */
interface Usual {
  paths: string[]
  install: string
}

const MAC_APPS = ['Google Chrome', 'Chromium'].map(
  (name) => `Applications/${name}.app/Contents/MacOS/${name}`,
)
const WINDOWS_FOLDERS = ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA']

const USUAL: Partial<Record<NodeJS.Platform, Usual>> = {
  linux: {
    paths: [
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome-stable',
      '/usr/bin/google-chrome',
      '/opt/google/chrome/chrome',
      '/snap/bin/chromium',
    ],
    install: 'apt-get install chromium',
  },
  darwin: {
    paths: ['/', homedir()].flatMap((root) => MAC_APPS.map((app) => path.posix.join(root, app))),
    install: 'brew install --cask chromium',
  },
  win32: {
    paths: WINDOWS_FOLDERS.map((name) =>
      path.win32.join(process.env[name] ?? '', 'Google/Chrome/Application/chrome.exe'),
    ),
    install: 'winget install Google.Chrome',
  },
}

export interface Machine {
  chromePath: string | undefined
  platform: NodeJS.Platform
  exists: (file: string) => boolean
}

const thisMachine: Machine = {
  chromePath: process.env['CHROME_PATH'],
  platform: process.platform,
  exists: existsSync,
}

/**
 * The file of an installed Chromium or Chrome: what `CHROME_PATH` names, or the first of the usual.
 *
 * @throws CommandError that says how to get one
 */
export function browserPath({ chromePath, platform, exists }: Machine = thisMachine): string {
  if (chromePath !== undefined && chromePath !== '') {
    if (exists(chromePath)) return chromePath
    throw new CommandError(`CHROME_PATH names ${chromePath}, and there is no such file`)
  }
  const usual = USUAL[platform]
  const found = usual?.paths.find(exists)
  if (found !== undefined) return found
  const install = usual === undefined ? 'install one' : `install one (${usual.install})`
  throw new CommandError(
    `No Chromium or Chrome was found: ${install}, or set CHROME_PATH to its file`,
  )
}

/** Starts it without a window, and without the requests that it would make of its own accord. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: browserPath(),
    args: [
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
      // So that letters look alike in pictures of different machines.
      ...['--font-render-hinting=none', '--disable-lcd-text', '--force-color-profile=srgb'],
    ],
  })
}
