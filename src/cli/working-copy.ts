/** Makes the platform have the tree of a folder: only what it lacks travels. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Client } from '../client/client.ts'
import { parseTree } from '../trees/check.ts'
import { type Scan, scan } from '../trees/scan.ts'
import { makeTree, serializeTree, type Tree } from '../trees/tree.ts'
import { workingCopyReader } from '../trees/working-copy-reader.ts'
import { isOwnOutput } from './own-output.ts'
import type { Terminal } from './terminal/terminal.ts'
import { bytes } from './terminal/text.ts'
import { uploadTree } from './upload.ts'

const LEFT_OUT = {
  submodule: 'the files of a submodule are not shipped',
  repository: 'a repository inside another is not shipped',
  special: 'it is a socket, a pipe or a device',
  output: 'what this command says is written there',
}

interface WorkingCopy {
  root: string
  home: string
  terminal: Terminal
  signal: AbortSignal
}

/** A tree without files, for what needs none. */
export async function uploadNothing(client: Client): Promise<Tree> {
  const tree = makeTree([])
  await uploadTree(client, tree, () => {
    throw new Error('a tree without files was asked for one')
  })
  return tree
}

/** Where what is known of a folder from the last time is kept, without its ending. */
function memoryOf({ root, home }: Pick<WorkingCopy, 'root' | 'home'>): string {
  return join(home, 'cli', 'trees', createHash('sha256').update(root).digest('hex').slice(0, 32))
}

/** The tree of the folder as it is now. */
export async function scanWorkingCopy(place: Pick<WorkingCopy, 'root' | 'home' | 'signal'>): Promise<Scan> {
  const cacheFile = `${memoryOf(place)}.stat`
  return scan(place.root, { cacheFile, signal: place.signal, isOutput: isOwnOutput })
}

/** Answers with the tree, once the platform has all of it. While that is still being looked for, the folder is read. */
export async function uploadWorkingCopy(
  connected: Client | Promise<Client>,
  place: WorkingCopy,
): Promise<Tree> {
  const { root, terminal, signal } = place
  const [{ tree, leftOut }, client] = await Promise.all([scanWorkingCopy(place), connected])
  for (const { path, why } of leftOut) {
    terminal.say(terminal.tint('yellow', `${path} is left out: ${LEFT_OUT[why]}`))
  }
  // The tree that was sent last from here: what differs from it is all that has to be told.
  const lastFile = `${memoryOf(place)}.tree`
  const base = await readFile(lastFile)
    .then((text) => parseTree(text, lastFile))
    .catch(() => null)
  const sent = await uploadTree(client, tree, workingCopyReader(root, tree), { base, signal })
  if (sent.files > 0) {
    terminal.say(
      terminal.tint('dim', `sent ${sent.files} ${sent.files === 1 ? 'file' : 'files'}, ${bytes(sent.bytes)}`),
    )
  }
  await mkdir(dirname(lastFile), { recursive: true })
  await writeFile(`${lastFile}.${process.pid}`, serializeTree(tree))
  await rename(`${lastFile}.${process.pid}`, lastFile)
  return tree
}
