/**
 * Memory of an idle platform: proportional set size of platform, runner and PostgreSQL, each with its children, with
 * one app whose process does not run. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'

const person = await newPerson()

/** Of a process and all below it, in megabytes. */
function memoryOf(pid: number): number {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // It has ended meanwhile.
    }
  }
  const own = (one: number): number => {
    const rollup = readFileSync(`/proc/${one}/smaps_rollup`, 'utf8')
    const below = (children.get(one) ?? []).filter((child) => !parts.some((part) => part.pid === child))
    return (
      Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024 +
      below.reduce((sum, child) => sum + own(child), 0)
    )
  }
  return own(pid)
}

let parts: { name: string; pid: number | null }[] = []
try {
  const folder = join(person.folder, 'idle')
  await mkdir(folder)
  await writeFile(join(folder, 'index.js'), '')
  await writeFile(join(folder, 'package.json'), '{"name":"idle"}')
  await writeFile(
    join(folder, 'tow.yaml'),
    'version: 1\napps:\n  idle: { processes: { worker: { command: node index.js, count: 0 } } }\n',
  )
  const ship = await person.tow(['ship'], { cwd: folder })
  if (ship.exit !== 0) throw new Error(ship.stderr)
  await sleep(10_000)
  const status = await person.ask<{ parts: typeof parts }>(['status'])
  parts = status.parts.filter(({ pid }) => pid !== null)
  const figures = parts.map(({ name, pid }) => ({ what: name, unit: 'MB PSS', values: [memoryOf(pid!)] }))
  const total = figures.reduce((sum, { values }) => sum + values[0]!, 0)
  printFigures('Idle, 10 s after the last work', [
    ...figures,
    { what: 'together', unit: 'MB PSS', values: [total], bar: '< 300' },
  ])
} finally {
  await person.leave()
}
