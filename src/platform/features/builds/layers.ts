/** From the folders that a build made to the layers of an artifact, each kept as a tree. */
import { readFileSync } from 'node:fs'
import type { Layer } from '../../../api/app-spec.ts'
import { storeFolder } from '../../../trees/store-folder.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { Queries } from '../../kernel/database.ts'
import type { Content } from '../content/index.ts'
import { refusals } from './messages.ts'
import { formsOf } from './redact.ts'
import { findLayerDigests, type LayerDigests, saveLayerDigests } from './store.ts'

/** Packs the tree as an image layer and tells its digests; nothing is kept. */
export type DigestLayer = (tree: Tree, signal: AbortSignal) => Promise<LayerDigests>

export interface LayerMaker {
  db: Queries
  content: Content
  digestLayer: DigestLayer
}

/** Keeps a whole folder, its tree included. */
export async function keepFolder(content: Content, folder: string, signal: AbortSignal): Promise<Tree> {
  const { tree } = await storeFolder(folder, content.blobs, { signal })
  await content.adopt(tree)
  return tree
}

/** The digests are worked out once per tree: packing is the slow part, and a layer that did not change is not packed. */
export async function layerOf(
  { db, digestLayer }: LayerMaker,
  kind: Layer['kind'],
  tree: Tree,
  signal: AbortSignal,
): Promise<Layer> {
  const known = await findLayerDigests(db, tree.hash)
  const digests = known ?? (await digestLayer(tree, signal))
  if (!known) await saveLayerDigests(db, tree.hash, digests)
  return { kind, tree: tree.hash, ...digests }
}

/** Refuses a result that holds the value of a build secret. What came with the source is the source's own affair. */
export function refuseSecrets(
  app: string,
  content: Content,
  source: Tree,
  results: readonly Tree[],
  sbom: string,
  secrets: Readonly<Record<string, string>>,
): void {
  const forms = formsOf(secrets).map(([form, name]) => ({ bytes: Buffer.from(form), form, name }))
  if (forms.length === 0) return
  const harmless = new Set(source.entries.map((entry) => entry.digest))
  for (const { path, digest } of results.flatMap((tree) => tree.entries)) {
    if (harmless.has(digest)) continue
    harmless.add(digest)
    const bytes = readFileSync(content.blobs.path(digest))
    const found = forms.find((form) => bytes.includes(form.bytes))
    if (found) throw refusals.secretInResult(app, found.name, path)
  }
  const found = forms.find(({ form }) => sbom.includes(form))
  if (found) throw refusals.secretInSbom(app, found.name)
}
