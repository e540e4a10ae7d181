/** Remembers digests by stat, so that an unchanged file costs one system call. Losing it costs time, never truth. */
import { hash, randomBytes } from 'node:crypto'
import { type BigIntStats, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { statKey } from './hash-file.ts'

export interface StatCache {
  /** When the scan that filled it began, nanoseconds since the epoch. */
  beganNs: bigint
  /** By path. */
  files: Map<string, { key: string; digest: string }>
}

const HEADER = 'towpath stat cache 1'

/** What file systems with sub-second times may round to: the tick of the kernel's clock, at most 10 ms, doubled. */
const FINE_TICK_NS = 20_000_000n
/** FAT counts in 2 s, HFS+, ext3 and old NFS in 1 s; their times end in nine zeros. */
const COARSE_TICK_NS = 2_000_000_000n

/**
 * Git's racily-clean rule: a file whose time is not clearly older than the scan may have been written once more within
 * the same tick of the clock, with nothing in its stat to show it. Such a file is hashed again.
 */
function isRacy(stats: Pick<BigIntStats, 'mtimeNs' | 'ctimeNs'>, beganNs: bigint): boolean {
  const isYoung = (time: bigint) => {
    const isCoarse = time % 1_000_000_000n === 0n
    return time + (isCoarse ? COARSE_TICK_NS : FINE_TICK_NS) >= beganNs
  }
  return isYoung(stats.mtimeNs) || isYoung(stats.ctimeNs)
}

/** The digest that the file must still have, or undefined where it has to be read. */
export function cachedDigest(cache: StatCache, path: string, stats: BigIntStats): string | undefined {
  const known = cache.files.get(path)
  if (!known || known.key !== statKey(stats) || isRacy(stats, cache.beganNs)) return undefined
  return known.digest
}

export const emptyCache = (): StatCache => ({ beganNs: 0n, files: new Map() })

/** An absent, unreadable, foreign or damaged file is an empty cache. */
export function readStatCache(file: string): StatCache {
  try {
    const text = readFileSync(file, 'utf8')
    const end = text.indexOf('\n')
    const [began, sum] = text
      .slice(0, end)
      .slice(HEADER.length + 1)
      .split(' ')
    const body = text.slice(end + 1)
    if (!text.startsWith(`${HEADER} `) || hash('sha256', body) !== sum) return emptyCache()
    const cache: StatCache = { beganNs: BigInt(began!), files: new Map() }
    for (const line of body.split('\n')) {
      const [digest, key, path] = line.split('\t')
      if (path) cache.files.set(path, { key: key!, digest: digest! })
    }
    return cache
  } catch {
    return emptyCache()
  }
}

/** Written by rename, so that a reader finds the old one or the new one. A cache that cannot be kept is no failure. */
export function writeStatCache(file: string, cache: StatCache): void {
  let body = ''
  for (const [path, { key, digest }] of cache.files) body += `${digest}\t${key}\t${path}\n`
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, `${HEADER} ${cache.beganNs} ${hash('sha256', body)}\n${body}`, { mode: 0o600 })
    renameSync(temporary, file)
  } catch {
    rmSync(temporary, { force: true })
  }
}
