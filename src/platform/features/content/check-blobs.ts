/** What `tow doctor` asks of blobs: that every one of them is what its name says. */
import type { CheckResult } from '../../../api/environments.ts'
import type { BlobStore } from '../../../trees/blob-store.ts'
import { isLoss } from './put.ts'

export interface CheckBlobsOptions {
  blobs: BlobStore
  /** Called once for a round that found any damaged. */
  onDamage: () => Promise<void>
  /** Milliseconds after which the answer tells how far it is; the round goes on, and the next who asks joins it. */
  patience?: number
}

interface Round {
  blobs: number
  bytes: number
  over: boolean
  end: Promise<void>
}

const PATIENCE = 7000
const SHOWN = 5

export function createBlobCheck({ blobs, onDamage, patience = PATIENCE }: CheckBlobsOptions) {
  let round: Round | null = null

  async function readAll(mine: Round): Promise<void> {
    let hasDamage = false
    for await (const digest of blobs.digests()) {
      try {
        for await (const chunk of blobs.read(digest)) mine.bytes += chunk.length
        mine.blobs += 1
      } catch (error) {
        if (!isLoss(error)) throw error
        hasDamage = true
      }
    }
    if (hasDamage) await onDamage()
  }

  function begin(): Round {
    const mine: Round = { blobs: 0, bytes: 0, over: false, end: Promise.resolve() }
    mine.end = readAll(mine).finally(() => {
      mine.over = true
      if (round === mine) round = null
    })
    // Whoever waits hears of it; a round that nobody waits for any more must end nothing.
    mine.end.catch(() => {})
    return mine
  }

  return async (): Promise<CheckResult> => {
    round ??= begin()
    const mine = round
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience)
    })
    await Promise.race([mine.end, late]).finally(() => clearTimeout(timer))
    const damaged = blobs.damaged()
    if (damaged.length > 0) return failed(damaged)
    const read = `${mine.blobs} blobs, ${Math.ceil(mine.bytes / 1024 ** 2)} MB`
    const message = mine.over
      ? `${read}: every one is as it was written`
      : `${read} are as they were written; the others are still being read, ask again`
    return { name: 'blobs', ok: true, message }
  }
}

function failed(damaged: readonly string[]): CheckResult {
  const names = damaged.slice(0, SHOWN).map((digest) => digest.slice(0, 12))
  const more = damaged.length > SHOWN ? ` and ${damaged.length - SHOWN} more` : ''
  const count = damaged.length === 1 ? '1 blob was' : `${damaged.length} blobs were`
  return {
    name: 'blobs',
    ok: false,
    message: `${count} damaged on disk and set aside: ${names.join(', ')}${more}`,
    mend: 'tow ship in the folders that you shipped: what is missing is sent and built again; or restore a backup',
  }
}
