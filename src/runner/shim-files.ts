/**
 * The shim as JavaScript. Run from source, Node would strip the types anew in every shim, which costs each of them
 * 100 ms and 15 MB; so the runner strips them once. The published package ships the shim bundled.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { WAITS } from '../workspace/ahead.ts'
import { flushFolder, writeWhole } from './durable.ts'

/** Path of a shim that Node runs as it is; `folder` is where one may be written. */
export function prepareShim(folder: string): string {
  const bundled = fileURLToPath(new URL('./shim.mjs', import.meta.url))
  if (!import.meta.url.endsWith('.ts')) return bundled
  const source = fileURLToPath(new URL('./shim/', import.meta.url))
  const terminal = import.meta.resolve('@lydell/node-pty')
  const files = readdirSync(source)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => ({ name: name.replace(/\.ts$/, '.mjs'), text: readFileSync(`${source}${name}`, 'utf8') }))
  const hash = createHash('sha256')
    .update(JSON.stringify([process.version, files]))
    .digest('hex')
    .slice(0, 12)
  const target = `${folder}/shim-${hash}`
  if (!existsSync(target)) {
    const draft = `${target}.${process.pid}`
    mkdirSync(draft, { recursive: true, mode: 0o700 })
    for (const { name, text } of files) {
      const script = stripTypeScriptTypes(text)
        .replace(/(from|import\()( ?)'(\.\/[\w-]+)\.ts'/g, "$1$2'$3.mjs'")
        .replace("'@lydell/node-pty'", JSON.stringify(terminal))
      writeFileSync(`${draft}/${name}`, script, { flush: true })
    }
    try {
      flushFolder(draft)
      renameSync(draft, target)
      flushFolder(folder)
    } catch {
      rmSync(draft, { recursive: true, force: true })
    }
  }
  return `${target}/shim.mjs`
}

/** Path of what a life that was begun before its turn requires first; apps that run as users of their own read it too. */
export function prepareAhead(home: string): string {
  const path = `${home}/ahead.cjs`
  writeWhole(path, WAITS)
  chmodSync(path, 0o644)
  return path
}
