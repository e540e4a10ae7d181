import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { COMMANDS } from './index.ts'

const FOLDER = new URL('.', import.meta.url)
/** Files that several commands of a topic share. */
const SHARED = new Set(['config/announce', 'rollout/chosen', 'index'])

function filesUnder(folder: URL, prefix = ''): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return filesUnder(new URL(`${entry.name}/`, folder), `${prefix}${entry.name}/`)
    if (!entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) return []
    return [`${prefix}${entry.name.slice(0, -3)}`]
  })
}

test('the folder tree is the command tree: every file is a command, every command has its file', () => {
  const files = filesUnder(FOLDER).filter((file) => !SHARED.has(file))
  const commands = COMMANDS.map(({ path }) => path.replace(' ', '/'))
  const expected = commands.map((path) => (files.includes(`${path}/index`) ? `${path}/index` : path))
  expect(files.sort()).toEqual(expected.sort())
})

test.each(COMMANDS.map((entry) => [entry.path, entry] as const))(
  'tow %s explains itself with examples',
  async (path, entry) => {
    const { command } = await entry.load()
    expect(command.examples.length).toBeGreaterThan(0)
    expect(entry.summary).not.toMatch(/\.$/)
    // An example shows this command, whatever shell words stand around it.
    expect(command.examples.some(([line]) => line.includes(`tow ${path}`))).toBe(true)
  },
)
