import { describe, expect, it } from 'vitest'
import { browserPath, type Machine } from './chromium.ts'

const machine = (platform: NodeJS.Platform, ...files: string[]): Machine => ({
  chromePath: undefined,
  platform,
  exists: (file) => files.includes(file),
})

describe('the browser', () => {
  it.each([
    machine('linux', '/usr/bin/google-chrome', '/usr/bin/chromium'),
    machine('linux', '/snap/bin/chromium'),
    machine('darwin', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'),
  ])('is found where $platform keeps it', ({ exists, ...rest }) => {
    expect(exists(browserPath({ exists, ...rest }))).toBe(true)
  })

  it('is the one that CHROME_PATH names', () => {
    const installed = machine('linux', '/usr/bin/chromium', '/opt/mine')

    expect(browserPath({ ...installed, chromePath: '/opt/mine' })).toBe('/opt/mine')
    expect(() => browserPath({ ...installed, chromePath: '/opt/gone' })).toThrow(
      'CHROME_PATH names /opt/gone, and there is no such file',
    )
  })

  it.each([
    { platform: 'linux', install: 'install one (apt-get install chromium)' },
    { platform: 'darwin', install: 'install one (brew install --cask chromium)' },
    { platform: 'win32', install: 'install one (winget install Google.Chrome)' },
    { platform: 'openbsd', install: 'install one' },
  ] as const)('is asked for where $platform has none', ({ platform, install }) => {
    expect(() => browserPath(machine(platform))).toThrow(
      `No Chromium or Chrome was found: ${install}, or set CHROME_PATH to its file`,
    )
  })
})
