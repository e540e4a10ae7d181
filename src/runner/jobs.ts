/**
 * Commands that run once. The key is on disk before anything is started, so that no crash leads to a second start;
 * where it is there and nobody knows what became of it, the answer is `unknown`, for ever.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { TowError } from '../api/errors.ts'
import { readJson, writeDurably } from './durable.ts'
import { environmentOf, prepareDwelling } from './environment.ts'
import type { Ending, Launcher, Running } from './launcher.ts'
import type { TargetLogs } from './logs/target-logs.ts'
import type { Paths } from './paths.ts'
import type { JobBody, JobStatus, Target } from './shapes.ts'
import { describeEnding, iso } from './words.ts'

export interface JobRecord {
  key: string
  id: string
  set: string
  release: number
  process: string
  askedAt: number
  state: 'asked' | JobStatus['state']
  startedAt?: number
  endedAt?: number
  exit?: number
  signal?: string
  reason?: string
  attachSocket: string
  tty: boolean
}

export interface Jobs {
  /** Starts it, or tells of the one that was started under this key. `folder` and `uid` are the target's own. */
  run(job: JobBody, options?: { graceSeconds?: number }): Promise<JobStatus>
  status(key: string): JobStatus | null
  /** Settles when it is over. */
  ended(key: string): Promise<JobStatus>
  cancel(key: string): void
  record(key: string): JobRecord | null
  /** Takes over what an earlier runner started. */
  adopt(running: Running): void
  /** Everything that was asked for and is not here any more becomes unknown; called once all is adopted. */
  settleLost(): void
  setsInUse(): Set<string>
  running(): Running[]
  stopAll(): Promise<void>
  forget(): void
}

interface JobParts {
  target: Target
  paths: Paths
  launcher: Launcher
  logs: TargetLogs
  uid: () => number | null
  now: () => number
  changed: () => void
}

const KEPT = 1000
const DEFAULT_GRACE = 10

export function createJobs(parts: JobParts): Jobs {
  const folder = parts.paths.jobs(parts.target)
  const fileOf = (key: string) =>
    `${folder}/${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`
  const active = new Map<string, { running: Running; ended: Promise<JobStatus>; cancelled: boolean }>()

  const recordOf = (key: string) =>
    readJson<JobRecord>(fileOf(key)) ?? (existsSync(fileOf(key)) ? damagedRecord(key, parts.now()) : null)
  const keep = (record: JobRecord) => writeDurably(fileOf(record.key), JSON.stringify(record))

  async function run(job: JobBody, options: { graceSeconds?: number } = {}): Promise<JobStatus> {
    const known = recordOf(job.key)
    if (known) return toStatus(known)
    if (!existsSync(job.set.workspace)) {
      throw new TowError('FAILED', `the folder ${job.set.workspace} of ${job.set.id} is gone`, {
        hint: 'ship once more, which lays it out again',
      })
    }
    const id = `${job.process}.run-${randomBytes(4).toString('hex')}`
    const record: JobRecord = {
      key: job.key,
      id,
      set: job.set.id,
      release: job.set.release,
      process: job.process,
      askedAt: parts.now(),
      state: 'asked',
      attachSocket: `${parts.paths.run}/${randomBytes(4).toString('hex')}.job`,
      tty: job.tty !== undefined,
    }
    keep(record)
    const uid = parts.uid()
    const dwelling = parts.paths.dwelling(parts.target)
    prepareDwelling(dwelling, uid)
    const running = parts.launcher.launch({
      record: {
        id,
        target: parts.target,
        set: job.set.id,
        release: job.set.release,
        process: job.process,
        slot: 0,
        epoch: 0,
        port: null,
        key: job.key,
        graceSeconds: options.graceSeconds ?? DEFAULT_GRACE,
        attachSocket: record.attachSocket,
        memoryMegabytes: job.memoryMegabytes ?? null,
      },
      // What a person types and sees in a terminal is theirs, not the log's.
      logFolder: job.tty
        ? null
        : parts.logs.folderFor({ id, release: job.set.release, process: job.process }),
      logs: null,
      command: job.command,
      cwd: job.set.workspace,
      env: environmentOf({
        target: parts.target,
        set: job.set,
        process: `${job.process}.1`,
        port: null,
        dwelling,
        tty: job.tty !== undefined,
      }),
      uid,
      timeoutSeconds: job.timeoutSeconds ?? null,
      tty: job.tty ?? null,
      stdin: job.stdin === true,
      cpuMillis: job.cpuMillis,
    })
    follow(record, running)
    const state = await running.started
    if (state) return toStatus({ ...record, state: 'running', startedAt: state.at })
    return active.get(job.key)?.ended ?? toStatus(recordOf(job.key) ?? record)
  }

  function follow(record: JobRecord, running: Running): void {
    void running.started.then((state) => {
      if (state && recordOf(record.key)?.state === 'asked')
        keep({ ...record, state: 'running', startedAt: state.at })
      parts.changed()
    })
    const entry = {
      running,
      cancelled: false,
      ended: running.ended.then((ending) => {
        const over = conclude(recordOf(record.key) ?? record, running, ending, entry.cancelled)
        keep(over)
        active.delete(record.key)
        rmSync(record.attachSocket, { force: true })
        running.forget()
        prune()
        parts.changed()
        return toStatus(over)
      }),
    }
    active.set(record.key, entry)
  }

  function conclude(record: JobRecord, running: Running, ending: Ending, cancelled: boolean): JobRecord {
    const last = describeEnding(ending, cancelled ? 'cancelled' : null, running.record)
    const startedAt = running.state()?.at
    const over = {
      ...record,
      ...(startedAt === undefined ? {} : { startedAt }),
      endedAt: Date.parse(last.at),
      reason: last.reason,
    }
    if (ending.kind === 'orphaned') {
      return { ...over, state: 'unknown', reason: `${last.reason}; nobody knows how far it came` }
    }
    if (ending.kind === 'never') {
      return {
        ...over,
        state: 'unknown',
        reason: 'it was asked for, but nobody knows whether it was started',
      }
    }
    const { code, signal } = last
    const good = code === 0 && !cancelled && ending.exit.reason === undefined
    const exit = {
      ...(code === undefined ? {} : { exit: code }),
      ...(signal === undefined ? {} : { signal }),
    }
    if (!good) return { ...over, ...exit, state: 'failed' }
    const { reason: _, ...succeeded } = over
    return { ...succeeded, ...exit, state: 'succeeded' }
  }

  function toStatus(record: JobRecord): JobStatus {
    const failed = record.state === 'failed' || record.state === 'unknown'
    return {
      key: record.key,
      state: record.state === 'asked' ? 'running' : record.state,
      ...(record.exit === undefined ? {} : { exit: record.exit }),
      ...(record.signal === undefined ? {} : { signal: record.signal }),
      ...(record.startedAt === undefined ? {} : { startedAt: iso(record.startedAt) }),
      ...(record.endedAt === undefined ? {} : { endedAt: iso(record.endedAt) }),
      ...(record.reason === undefined ? {} : { reason: record.reason }),
      ...(failed ? { lastLines: parts.logs.lastLines(record.id) } : {}),
    }
  }

  function allRecords(): JobRecord[] {
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
    return names.flatMap((name) => readJson<JobRecord>(`${folder}/${name}`) ?? [])
  }

  /** Keys are kept long after their jobs, but not for ever: the oldest that ended go. */
  function prune(): void {
    const over = allRecords().filter((record) => record.endedAt !== undefined)
    for (const record of over.sort((a, b) => b.endedAt! - a.endedAt!).slice(KEPT)) {
      rmSync(fileOf(record.key), { force: true })
    }
  }

  return {
    run,
    status(key) {
      const record = recordOf(key)
      return record ? toStatus(record) : null
    },
    async ended(key) {
      const entry = active.get(key)
      if (entry) return entry.ended
      const record = recordOf(key)
      if (!record) throw new TowError('NOT_FOUND', `no job was started under the key ${key}`)
      return toStatus(record)
    },
    cancel(key) {
      const entry = active.get(key)
      if (entry) {
        entry.cancelled = true
        entry.running.stop()
      } else if (!recordOf(key)) throw new TowError('NOT_FOUND', `no job was started under the key ${key}`)
    },
    record: recordOf,
    adopt(running) {
      const record = running.record.key === null ? null : recordOf(running.record.key)
      if (record && record.endedAt === undefined) follow(record, running)
      else running.forget()
    },
    settleLost() {
      for (const record of allRecords()) {
        if (record.endedAt !== undefined || active.has(record.key)) continue
        const reason = 'it was asked for, but nobody knows whether it was started'
        keep({ ...record, state: 'unknown', endedAt: parts.now(), reason })
      }
    },
    setsInUse: () => new Set([...active.values()].map((entry) => entry.running.record.set)),
    running: () => [...active.values()].map((entry) => entry.running),
    async stopAll() {
      const all = [...active.values()]
      for (const entry of all) entry.running.stop()
      await Promise.all(all.map((entry) => entry.ended))
    },
    forget: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** It was asked for, and nobody can tell more: it is never started a second time. */
function damagedRecord(key: string, now: number): JobRecord {
  return {
    ...{ key, id: '', set: '', release: 0, process: '', askedAt: 0, attachSocket: '', tty: false },
    state: 'unknown',
    endedAt: now,
    reason: 'what was kept of it could not be read, so nobody knows what became of it',
  }
}
