/** What the files of a tree say about its apps. */
import { TowError } from '../../../api/errors.ts'
import { nearest } from '../../../api/nearest.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { Queries } from '../../kernel/database.ts'
import type { Content } from '../content/index.ts'
import { type AppDeclaration, isManifestPath, type Manifests, readManifests } from '../manifests/index.ts'
import { refusals } from './messages.ts'

/** Far more than anybody writes by hand. */
const MOST_MANIFEST_BYTES = 1024 ** 2

export async function detectApps(
  db: Queries,
  content: Content,
  hash: string,
  folderName: string,
): Promise<Manifests> {
  const tree = await content.completeTree(db, hash)
  try {
    return readManifests({
      files: readTexts(content, tree),
      paths: tree.entries.map((entry) => entry.path),
      folderName,
    })
  } catch (error) {
    await content.doubt(hash)
    throw error
  }
}

function readTexts(content: Content, tree: Tree): Record<string, string> {
  const files: Record<string, string> = {}
  for (const { path, mode, size, digest } of tree.entries) {
    if (!isManifestPath(path) || mode === 'link') continue
    if (size > MOST_MANIFEST_BYTES) {
      throw new TowError('TOO_LARGE', `${path} has ${size} bytes; at most ${MOST_MANIFEST_BYTES} are read`)
    }
    files[path] = content.blobs.readBytes(digest).toString('utf8')
  }
  return files
}

/** The apps that are to be shipped: those that were named, else all. Mistakes in any file stop all of them. */
export function chooseApps(
  { apps, problems }: Manifests,
  wanted: readonly string[] | undefined,
): AppDeclaration[] {
  if (problems.length > 0) throw refusals.problems(problems)
  if (wanted === undefined || wanted.length === 0) return apps
  const names = apps.map((app) => app.name)
  return [...new Set(wanted)].map((name) => {
    const app = apps.find((declared) => declared.name === name)
    if (!app) throw refusals.unknownApp(name, names, nearest(name, names))
    return app
  })
}
