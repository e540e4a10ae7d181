/** Files of the runner's own: written whole or not at all. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Write, fsync, rename, fsync the folder: after this returns, a power cut does not lose it. */
export function writeDurably(path: string, text: string): void {
  writeWhole(path, text, true)
  flushFolder(dirname(path))
}

/** The names in it, too. Elsewhere than on Linux a folder can't be flushed, or need not be. */
export function flushFolder(path: string): void {
  if (process.platform !== 'linux') return
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** Write and rename, for what can be found out again. */
export function writeWhole(path: string, text: string, sync = false): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const descriptor = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeFileSync(descriptor, text)
    if (sync) fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(`${path}.new`, path)
}

/** Takes away a file that is damaged, without losing what it may still tell a person. Answers where it went. */
export function setAside(path: string): string {
  renameSync(path, `${path}.damaged`)
  return `${path}.damaged`
}

/** Undefined where there is no such file, or nothing in it that is JSON. */
export function readJson<Value>(path: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Value
  } catch {
    return undefined
  }
}
