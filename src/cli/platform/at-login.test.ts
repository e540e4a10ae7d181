import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { launchdUnit, systemdUnit, type UnitFacts } from './at-login.ts'

const execute = promisify(execFile)

const facts: UnitFacts = {
  home: '/home/ann o/tow "home" 100%',
  node: process.execPath,
  entry: ['/opt/tow path/platform.js'],
  listening: [],
  path: '/usr/bin:/bin',
  asRoot: false,
  userHome: '/home/ann',
  configHome: '/home/ann/.config',
}

test('a unit of a person lies in their own folder and starts with them', () => {
  const unit = systemdUnit(facts)
  expect(unit.file).toBe('/home/ann/.config/systemd/user/towpath.service')
  expect(unit.text).toContain('WantedBy=default.target')
  expect(unit.enable).toContain('--user')
})

test('a unit of root starts with the machine', () => {
  const unit = systemdUnit({ ...facts, asRoot: true })
  expect(unit.file).toBe('/etc/systemd/system/towpath.service')
  expect(unit.text).toContain('WantedBy=multi-user.target')
})

test('a unit keeps where the platform was told to listen', () => {
  const listening = ['--listen', '0.0.0.0:8700', '--tls-cert', '/tls/a & b.pem']
  expect(systemdUnit({ ...facts, listening }).text).toContain(
    '"--listen" "0.0.0.0:8700" "--tls-cert" "/tls/a & b.pem"',
  )
  expect(launchdUnit({ ...facts, listening }).text).toContain('<string>/tls/a &amp; b.pem</string>')
})

const analyzer = await execute('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
)

test.skipIf(!analyzer)(
  'systemd accepts the unit, odd characters in paths included (skipped without systemd-analyze)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tow-unit-'))
    try {
      const file = join(folder, 'towpath.service')
      await writeFile(file, systemdUnit(facts).text)
      await execute('systemd-analyze', ['verify', '--man=no', '--user', file], {
        env: { ...process.env, XDG_RUNTIME_DIR: folder },
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)

test('launchd’s list escapes what XML would read', () => {
  const { text } = launchdUnit({ ...facts, home: '/Users/ann/<a>&b' })
  expect(text).toContain('<string>/Users/ann/&lt;a&gt;&amp;b</string>')
})
