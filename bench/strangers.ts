/** `towpath ship`, as published, in three repositories that have never heard of it: from the command to a working URL. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { App } from '../src/api/apps.ts'
import { hasTool, makeStranger, STRANGERS } from '../test/strangers.ts'
import { type Figure, printFigures } from './figures.ts'

const execute = promisify(execFile)
const root = new URL('..', import.meta.url).pathname
const folder = await mkdtemp(join(tmpdir(), 'tow-s-'))

try {
  await execute(process.execPath, [join(root, 'scripts/package.ts'), join(folder, 'package')], { cwd: root })
  const { stdout } = await execute('npm', [
    'pack',
    '--silent',
    '--pack-destination',
    folder,
    join(folder, 'package'),
  ])
  await writeFile(join(folder, 'package.json'), '{"name":"elsewhere","private":true}')
  const tarball = join(folder, stdout.trim())
  await execute('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], { cwd: folder })
  const figures: Figure[] = []
  for (const stranger of STRANGERS) {
    if (!(await hasTool(stranger.tool))) {
      console.log(`not measured: ${stranger.name} (${stranger.tool} is not on this machine)`)
      continue
    }
    // A home of its own each time: the platform is started anew.
    const home = await mkdtemp(join(tmpdir(), 'tow-h-'))
    const repository = join(folder, stranger.name)
    await makeStranger(repository, stranger)
    const towpath = (...args: string[]) =>
      execute(process.execPath, [join(folder, 'node_modules/.bin/towpath'), ...args], {
        cwd: repository,
        env: { ...process.env, TOW_HOME: home },
      })
    const begin = performance.now()
    await towpath('ship')
    const [app] = JSON.parse((await towpath('apps', '--json')).stdout) as App[]
    const url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
    const text = await (await fetch(url)).text()
    if (text !== stranger.answer) throw new Error(`${stranger.name} answered ${text}`)
    const seconds = (performance.now() - begin) / 1000
    figures.push({ what: stranger.name, unit: 's', values: [seconds], bar: '< 60' })
    await towpath('down')
    await rm(home, { recursive: true, force: true })
  }
  printFigures('towpath ship, platform started by it, to a working URL', figures)
} finally {
  await rm(folder, { recursive: true, force: true })
}
