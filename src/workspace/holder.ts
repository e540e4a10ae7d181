/** The other side of the agent: whoever has the files, and wants a workspace to be equal to them. */
import type { Duplex } from 'node:stream'
import { TowError } from '../api/errors.ts'
import { diffTrees } from '../trees/diff.ts'
import { makeTree, type Tree, type TreeEntry } from '../trees/tree.ts'
import { cutOff, readFrames, sendFrame } from './frames.ts'
import { Answer, type Done, type Verified, WORKSPACE_VERSION } from './messages.ts'

/** Gives a content by its digest; throws where it is no longer what the tree says. */
export type ReadContent = (digest: string) => AsyncIterable<Uint8Array>

export interface Holder {
  /** What lies in the workspace, as the agent last said. */
  there(): Tree
  /** Where the app finds it; undefined for `/workspace`. */
  readonly folder: string | undefined
  /**
   * Makes the workspace equal the tree, all at once, and its processes start anew where anything changed. Null where it
   * was equal already. One at a time. UNAVAILABLE where the connection broke: what then lies there tells the next one.
   */
  make(
    tree: Tree,
    read: ReadContent,
    options?: { restart?: boolean },
  ): Promise<(Done & { files: number }) | null>
  /** Reads it again on the other side. */
  verify(): Promise<Verified>
  restart(): Promise<Done>
  /** Settles when the connection is over. */
  closed: Promise<void>
  close(): void
}

/** Contents that travel together. */
const BATCH_BYTES = 4 * 1024 ** 2
const PART_BYTES = 8 * 1024 ** 2

/** `claims`: paths of the workspace that are this holder's although it did not put them there. */
export async function openHolder(stream: Duplex, claims: readonly string[]): Promise<Holder> {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>()
  const welcomed = Promise.withResolvers<Answer & { type: 'welcome' }>()
  let end: Error | null = null
  let ids = 0

  function give(answer: Answer): void {
    if (answer.type === 'welcome') welcomed.resolve(answer)
    else if (answer.type === 'failed' && answer.id === null) throw toError(answer)
    else {
      const asked = waiting.get(answer.id!)
      waiting.delete(answer.id!)
      if (answer.type === 'failed') asked?.reject(toError(answer))
      else asked?.resolve(answer)
    }
  }

  async function listen(): Promise<void> {
    try {
      for await (const { message } of readFrames(stream)) give(Answer.parse(message))
      end = cutOff()
    } catch (error) {
      end = error instanceof TowError ? error : cutOff(error)
    }
    welcomed.reject(end)
    for (const { reject } of waiting.values()) reject(end)
    waiting.clear()
    stream.destroy()
  }

  function ask<Kind extends Answer['type']>(message: { id: number }): Promise<Answer & { type: Kind }> {
    if (end) return Promise.reject(end)
    const answered = new Promise<Answer>((resolve, reject) => waiting.set(message.id, { resolve, reject }))
    sendFrame(stream, message).catch((error) => waiting.get(message.id)?.reject(error))
    return answered as Promise<Answer & { type: Kind }>
  }

  stream.on('error', () => {})
  const closed = listen()
  welcomed.promise.catch(() => {})
  await sendFrame(stream, { type: 'hello', version: WORKSPACE_VERSION, claims })
  const { entries, folder } = await welcomed.promise
  let present = makeTree(entries)

  return {
    there: () => present,
    folder,
    async make(tree, read, { restart = true } = {}) {
      const { added, changed, removed } = diffTrees(present, tree)
      const put = [...added, ...changed]
      if (put.length + removed.length === 0) return null
      await sendContents(stream, put, read)
      const done = await ask<'done'>({
        ...{ type: 'commit', id: ++ids, put, hash: tree.hash, restart },
        remove: removed.map(({ path }) => path),
      } as { id: number })
      present = tree
      return { ...done, files: put.length + removed.length }
    },
    verify: () => ask<'verified'>({ type: 'verify', id: ++ids } as { id: number }),
    restart: () => ask<'done'>({ type: 'restart', id: ++ids } as { id: number }),
    closed,
    close: () => stream.end(),
  }
}

/** Each content once, small ones together, large ones in parts. */
async function sendContents(stream: Duplex, put: readonly TreeEntry[], read: ReadContent): Promise<void> {
  let blobs: { digest: string; size: number }[] = []
  let bodies: Uint8Array[] = []
  let bytes = 0
  const flush = async () => {
    if (blobs.length > 0) await sendFrame(stream, { type: 'contents', blobs }, Buffer.concat(bodies))
    blobs = []
    bodies = []
    bytes = 0
  }
  const unique = new Map(put.map(({ digest, size }) => [digest, size]))
  for (const [digest, size] of unique) {
    if (size > PART_BYTES) {
      let offset = 0
      for await (const chunk of read(digest)) {
        for (let at = 0; at < chunk.length; at += PART_BYTES) {
          const part = chunk.subarray(at, at + PART_BYTES)
          await sendFrame(stream, { type: 'part', digest, offset }, part)
          offset += part.length
        }
      }
      continue
    }
    if (bytes + size > BATCH_BYTES) await flush()
    const chunks: Uint8Array[] = []
    for await (const chunk of read(digest)) chunks.push(chunk)
    bodies.push(...chunks)
    blobs.push({ digest, size })
    bytes += size
  }
  await flush()
}

function toError({ code, message, hint }: Answer & { type: 'failed' }): TowError {
  return new TowError(code, message, hint ? { hint } : {})
}
