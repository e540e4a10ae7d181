/** Makes the platform have the tree of a folder: only what it lacks travels. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '../client/client.ts'
import { parseTree } from '../trees/check.ts'
import { scan } from '../trees/scan.ts'
import { makeTree, serializeTree } from '../trees/tree.ts'
import { workingCopyReader } from '../trees/working-copy-reader.ts'
import type { Terminal } from './terminal/terminal.ts'
import { bytes } from './terminal/text.ts'
import { uploadTree } from './upload.ts'

const LEFT_OUT = {
  submodule: 'the files of a submodule are not shipped',
  repository: 'a repository inside another is not shipped',
  special: 'it is a socket, a pipe or a device',
}

interface WorkingCopy {
  root: string
  home: string
  terminal: Terminal
  signal: AbortSignal
}

/** A tree without files, for what needs none. */
export async function uploadNothing(client: Client): Promise<string> {
  const tree = makeTree([])
  await uploadTree(client, tree, () => {
    throw new Error('a tree without files was asked for one')
  })
  return tree.hash
}

/** Answers with the hash of the tree, once the platform has all of it. */
export async function uploadWorkingCopy(
  client: Client,
  { root, home, terminal, signal }: WorkingCopy,
): Promise<string> {
  const folder = join(home, 'cli', 'trees')
  await mkdir(folder, { recursive: true })
  const name = createHash('sha256').update(root).digest('hex').slice(0, 32)
  const { tree, leftOut } = await scan(root, { cacheFile: join(folder, `${name}.stat`), signal })
  for (const { path, why } of leftOut) {
    terminal.say(terminal.tint('yellow', `${path} is left out: ${LEFT_OUT[why]}`))
  }
  // The tree that was sent last from here: what differs from it is all that has to be told.
  const lastFile = join(folder, `${name}.tree`)
  const base = await readFile(lastFile).then(
    (text) => parseTree(text, lastFile),
    () => null,
  )
  const sent = await uploadTree(client, tree, workingCopyReader(root, tree), { base, signal })
  if (sent.files > 0) {
    terminal.say(
      terminal.tint('dim', `sent ${sent.files} ${sent.files === 1 ? 'file' : 'files'}, ${bytes(sent.bytes)}`),
    )
  }
  await writeFile(`${lastFile}.${process.pid}`, serializeTree(tree), { flush: true })
  await rename(`${lastFile}.${process.pid}`, lastFile)
  return tree.hash
}
