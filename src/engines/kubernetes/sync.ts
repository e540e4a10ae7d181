/** Development: makes the workspace of running pods equal a tree; only what differs travels. */
import { pack } from 'tar-stream'
import { TowError } from '../../api/errors.ts'
import { diffTrees } from '../../trees/diff.ts'
import { makeTree, mergeTrees, type Tree } from '../../trees/tree.ts'
import type { ContentSource } from '../engine.ts'
import type { Cluster } from './cluster/connect.ts'
import type { Pod } from './cluster/objects.ts'
import { explanationKey } from './observe/pods.ts'
import { execute } from './streams/exec.ts'

const WAIT_MILLISECONDS = 60_000
/** What the pod does with it: whoever reads meanwhile sees the old file or the new one, never half of one. */
const SCRIPT = `set -e
draft=/workspace/.tow-new
rm -rf "$draft"; mkdir "$draft"
tar -xf - -C "$draft"
cd "$draft"
while IFS= read -r path; do rm -f "/workspace/$path"; done < .tow-removed
rm -f .tow-removed
find . ! -type d | while IFS= read -r path; do
  mkdir -p "/workspace/\${path%/*}"
  mv -f "$path" "/workspace/$path"
done
cd /workspace; rm -rf "$draft"`

export interface Syncs {
  /** `from`: hashes of the app's own trees, as they lie in the image. */
  sync(pods: readonly Pod[], from: readonly string[], tree: Tree): Promise<void>
}

export function createSyncs(cluster: Cluster, content: ContentSource): Syncs {
  /** What was last put there, by life of the container: a new one begins with its image. */
  const there = new Map<string, Tree>()
  let queue: Promise<unknown> = Promise.resolve()

  async function syncOne(pod: Pod, from: readonly string[], tree: Tree): Promise<void> {
    const key = explanationKey(pod)
    const before = there.get(key) ?? mergeTrees(await Promise.all(from.map((hash) => content.tree(hash))))
    const { exit, stderr } = await execute(
      cluster,
      pod.metadata.name,
      ['sh', '-c', SCRIPT],
      WAIT_MILLISECONDS,
      archiveOf(content, before, tree),
    )
    if (exit !== 0) {
      // Nobody knows what lies there now: the next one sends everything.
      there.set(key, makeTree([]))
      throw new TowError(
        'FAILED',
        `the files could not be written into ${pod.metadata.name}: ${stderr.trim()}`,
      )
    }
    there.set(key, tree)
  }

  return {
    sync(pods, from, tree) {
      const mine = queue.catch(() => {}).then(() => Promise.all(pods.map((pod) => syncOne(pod, from, tree))))
      queue = mine
      return mine.then(() => {})
    },
  }
}

function archiveOf(content: ContentSource, from: Tree, to: Tree): AsyncIterable<Uint8Array> {
  const { added, changed, removed } = diffTrees(from, to)
  const archive = pack()
  archive.entry({ name: '.tow-removed' }, removed.map(({ path }) => `${path}\n`).join(''))
  for (const { path, mode, digest } of [...added, ...changed]) {
    const bytes = content.blobs.readBytes(digest)
    if (mode === 'link') archive.entry({ name: path, type: 'symlink', linkname: bytes.toString() })
    else archive.entry({ name: path, mode: mode === '755' ? 0o755 : 0o644 }, bytes)
  }
  archive.finalize()
  return archive as AsyncIterable<Uint8Array>
}
