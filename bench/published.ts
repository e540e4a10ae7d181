/** The command as it is published: bundled into a folder of its own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname

/** The file to run; gone when the benchmark ends. */
export function bundle(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tow-p-'))
  execFileSync(process.execPath, [join(root, 'scripts/package.ts'), join(folder, 'package')], { cwd: root })
  // What npm would install beside it.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'package', 'tow.js')
}
