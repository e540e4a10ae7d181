/** `tow apps` over 200 apps with three releases each: the whole command, and the call alone. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { clientOf, findPlatform } from '../src/cli/platform/connect.ts'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'
import { bundle } from './published.ts'

const execute = promisify(execFile)
const tow = bundle()
const APPS = 200
const RELEASES = 3
const RUNS = 10
const person = await newPerson()
const names = Array.from({ length: APPS }, (_, index) => `app-${index + 1}`)
const root = join(person.folder, 'fleet')

try {
  for (let release = 1; release <= RELEASES; release += 1) {
    for (const name of names) {
      await mkdir(join(root, name), { recursive: true })
      await writeFile(join(root, name, 'index.js'), `// ${name}, ${release}\n`)
      await writeFile(
        join(root, name, 'package.json'),
        JSON.stringify({ name, scripts: { start: 'node index.js' } }),
      )
    }
    // No process runs: what is measured is the platform, not 200 Node processes.
    const apps = names.map(
      (name) => `  ${name}: { path: ${name}, processes: { worker: { command: node index.js, count: 0 } } }`,
    )
    await writeFile(join(root, 'tow.yaml'), `version: 1\napps:\n${apps.join('\n')}\n`)
    const begin = performance.now()
    const { exit, stderr } = await person.tow(['ship'], { cwd: root })
    if (exit !== 0) throw new Error(stderr.slice(-2000))
    console.log(`shipped ${APPS} apps in ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  }
  const client = await clientOf((await findPlatform(person.home))!)
  const calls: number[] = []
  const commands: number[] = []
  for (let run = 0; run < RUNS; run += 1) {
    let begin = performance.now()
    const apps = await client.apps.list({})
    calls.push(performance.now() - begin)
    if (apps.length !== APPS) throw new Error(`${apps.length} apps instead of ${APPS}`)
    begin = performance.now()
    await execute(process.execPath, [tow, 'apps'], { env: { ...process.env, TOW_HOME: person.home } })
    commands.push(performance.now() - begin)
  }
  printFigures(`${APPS} apps, ${RELEASES} releases each`, [
    { what: 'the call', unit: 'ms', values: calls },
    { what: 'tow apps as published, the whole command', unit: 'ms', values: commands, bar: '< 200' },
  ])
} finally {
  await person.leave()
}
