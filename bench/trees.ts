/**
 * How long a scan takes beside `git status`, and what a one-line change sends: `node bench/trees.ts [files]`.
 * Prints a table; judges nothing. CPU is that of this process alone: what Git uses is not in it.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layerDigests } from '../src/images/layer.ts'
import { createBlobStore } from '../src/trees/blob-store.ts'
import { treeChange } from '../src/trees/diff.ts'
import { layOut } from '../src/trees/lay-out.ts'
import { scan } from '../src/trees/scan.ts'
import { scanCommit } from '../src/trees/scan-commit.ts'
import { storeFolder } from '../src/trees/store-folder.ts'
import { packBlobs, unpackBlobs } from '../src/trees/transfer.ts'
import { workingCopyReader } from '../src/trees/working-copy-reader.ts'

const FILES = Number(process.argv[2] ?? 20_000)
const home = mkdtempSync(join(tmpdir(), 'tow-bench-trees-'))
const root = join(home, 'repository')
const rows: { what: string; 'wall ms': string; 'cpu ms': string; note: string }[] = []

async function measure<T>(
  what: string,
  work: () => T | Promise<T>,
  note: (result: T) => string = () => '',
): Promise<T> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await work()
  const wall = performance.now() - start
  const used = process.cpuUsage(cpu)
  rows.push({
    what,
    'wall ms': wall.toFixed(0),
    'cpu ms': ((used.user + used.system) / 1000).toFixed(0),
    note: note(result),
  })
  return result
}

function makeRepository(): void {
  for (let index = 0; index < FILES; index++) {
    const folder = join(root, `packages/p${index % 50}/src/part${index % 7}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, `file-${index}.ts`),
      `export const value${index} = ${index}\n`.repeat(1 + (index % 150)),
    )
  }
  git('init', '-q')
  git('add', '.')
  git('-c', 'user.name=Bench', '-c', 'user.email=bench@example.org', 'commit', '-qm', 'All')
}

const git = (...parameters: string[]) => execFileSync('git', ['-C', root, ...parameters], { stdio: 'pipe' })

async function main(): Promise<void> {
  makeRepository()
  const cacheFile = join(home, 'cache')
  const hashed = (result: { hashed: number }) => `${result.hashed} files read`
  await measure(
    'git status, first',
    () => git('status', '--porcelain'),
    () => 'peer',
  )
  const first = await measure('scan, cold', () => scan(root, { cacheFile }), hashed)
  await measure(
    'git status, again',
    () => git('status', '--porcelain'),
    () => 'peer',
  )
  await measure('scan, warm', () => scan(root, { cacheFile }), hashed)
  await measure('scan, warm again', () => scan(root, { cacheFile }), hashed)

  const store = createBlobStore(join(home, 'blobs'))
  await measure(
    'send everything once',
    () =>
      unpackBlobs(
        packBlobs(unique(first.tree.entries), workingCopyReader(root, first.tree)),
        store,
        first.tree.entries,
      ),
    ({ blobs, bytes }) => `${blobs} blobs, ${(bytes / 1024 ** 2).toFixed(1)} MiB`,
  )
  appendFileSync(join(root, 'packages/p0/src/part0/file-0.ts'), 'export const changed = true\n')
  await measure(
    'git status, one line changed',
    () => git('status', '--porcelain'),
    () => 'peer',
  )
  await measure(
    'ship a one-line change',
    async () => {
      const { tree } = await scan(root, { cacheFile })
      const change = treeChange(first.tree, tree)
      const missing = new Set(store.missing(change.upserts.map(({ digest }) => digest)))
      const blobs = change.upserts.filter(({ digest }) => missing.has(digest))
      let bytes = JSON.stringify(change).length
      async function* counted() {
        for await (const chunk of packBlobs(blobs, workingCopyReader(root, tree))) {
          bytes += chunk.length
          yield chunk
        }
      }
      const arrived = await unpackBlobs(counted(), store, blobs)
      return { blobs: arrived.blobs, sent: bytes }
    },
    ({ blobs, sent }) => `${blobs} blob, ${sent} bytes on the wire`,
  )
  const commitCache = join(home, 'commit-cache')
  const read = (result: { read: number }) => `${result.read} objects read`
  await measure(
    'scan the commit, cold',
    () => scanCommit(root, 'HEAD', '.', { cacheFile: commitCache }),
    read,
  )
  await measure(
    'scan the commit, warm',
    () => scanCommit(root, 'HEAD', '.', { cacheFile: commitCache }),
    read,
  )

  await measure(
    'lay out',
    () => layOut(first.tree, store, join(home, 'out')),
    () => `${FILES} files`,
  )
  const linkFrom = join(home, 'out')
  await measure(
    'lay out by links',
    () => layOut(first.tree, store, join(home, 'linked'), { linkFrom }),
    () => `${FILES} files`,
  )
  await measure(
    'cp -r',
    () => execFileSync('cp', ['-r', linkFrom, join(home, 'copied')]),
    () => 'peer',
  )
  const other = createBlobStore(join(home, 'other-blobs'))
  await measure(
    'store a folder, new',
    () => storeFolder(linkFrom, other),
    () => `${FILES} files`,
  )
  await measure(
    'store a folder, known',
    () => storeFolder(linkFrom, other),
    () => `${FILES} files`,
  )
  const readBlob = (digest: string) => store.read(digest)
  await measure(
    'pack a layer',
    () => layerDigests(first.tree.entries, readBlob, { prefix: 'workspace' }),
    ({ size }) => `${(size / 1024 ** 2).toFixed(1)} MiB`,
  )
  await measure(
    'tar | gzip',
    () => execFileSync('sh', ['-c', `tar -C '${linkFrom}' -c . | gzip -4 | wc -c`]),
    () => 'peer',
  )
  console.table(rows)
}

const unique = <T extends { digest: string }>(entries: readonly T[]): T[] => [
  ...new Map(entries.map((entry) => [entry.digest, entry])).values(),
]

try {
  await main()
} finally {
  rmSync(home, { recursive: true, force: true })
}
