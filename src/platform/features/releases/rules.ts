/** What differs between releases, and which of them one may go back to. Pure. */
import type { CronSpec, Origin, ProcessSpec, RunSpec } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { ReleaseDifference as Difference } from '../../../api/releases.ts'
import type { ReleaseState } from './store.ts'

/** The part of a release that decides how the app runs. */
export interface Substance {
  artifact: string
  origin: Origin
  run: RunSpec
  plain: Record<string, string>
  secrets: Record<string, number>
}

/** What there is before the first release. */
export const NOTHING: Substance = {
  artifact: '',
  origin: {},
  run: { processes: {}, crons: {}, variables: {}, needs: [] },
  plain: {},
  secrets: {},
}

/** Everything that differs, secrets by their version only. */
export function differences(before: Substance, after: Substance): Difference[] {
  return [
    ...code(before, after),
    ...compare('config', shownConfig(before), shownConfig(after)),
    ...compare(
      'process',
      shown(before.run.processes, shownProcess),
      shown(after.run.processes, shownProcess),
    ),
    ...compare('cron', shown(before.run.crons, shownCron), shown(after.run.crons, shownCron)),
    ...compare('need', shownNeeds(before), shownNeeds(after)),
    ...compare('release-command', shownCommand(before), shownCommand(after)),
  ]
}

function code(before: Substance, after: Substance): Difference[] {
  if (before.artifact === after.artifact) return []
  const commits = compare(
    'code',
    { commit: shownCommit(before.origin) },
    { commit: shownCommit(after.origin) },
  )
  return [
    ...commits,
    {
      kind: 'code',
      name: 'artifact',
      before: before.artifact.slice(0, 12) || null,
      after: after.artifact.slice(0, 12),
    },
  ]
}

function compare(
  kind: string,
  before: Record<string, string | null>,
  after: Record<string, string | null>,
): Difference[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names
    .map((name) => ({ kind, name, before: before[name] ?? null, after: after[name] ?? null }))
    .filter((difference) => difference.before !== difference.after)
}

function shownConfig({ plain, secrets }: Substance): Record<string, string> {
  const versions = Object.entries(secrets).map(([key, version]) => [key, `secret version ${version}`])
  return { ...plain, ...Object.fromEntries(versions) }
}

function shown<Spec>(specs: Record<string, Spec>, show: (spec: Spec) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, show(spec)]))
}

function shownProcess(spec: ProcessSpec): string {
  return [
    spec.command,
    spec.health && `health ${spec.health}`,
    `boot ${spec.bootSeconds} s`,
    `grace ${spec.graceSeconds} s`,
    spec.cpuMillis && `cpu ${spec.cpuMillis}m`,
    spec.memoryMegabytes && `memory ${spec.memoryMegabytes} MB`,
    `surge ${spec.surgePercent} %`,
    spec.logs && `logs ${spec.logs}`,
  ]
    .filter(Boolean)
    .join(', ')
}

function shownCron(spec: CronSpec): string {
  return `${spec.schedule} (${spec.timezone}): ${spec.command}`
}

function shownNeeds({ run }: Substance): Record<string, string> {
  return Object.fromEntries(run.needs.map((need) => [need, 'needed']))
}

function shownCommand({ run }: Substance): Record<string, string | null> {
  return { release: run.releaseCommand ?? null }
}

function shownCommit({ commit, dirty }: Origin): string | null {
  return commit ? `${commit.slice(0, 7)}${dirty ? ' with changes' : ''}` : null
}

/** The same code, commands and plain config: going from one to the other would change nothing but secrets. */
export function isSameSubstance(one: Substance, other: Substance): boolean {
  return differences({ ...one, secrets: {} }, { ...other, secrets: {} }).length === 0
}

/** The same code, run in the same way, with the same config and secrets: delivering it again would change nothing. */
export function wouldRepeat(live: Substance, next: Omit<Substance, 'origin'>): boolean {
  return (
    live.artifact === next.artifact &&
    isSame(live.run, next.run) &&
    isSame(live.plain, next.plain) &&
    isSame(live.secrets, next.secrets)
  )
}

/** Deep, and blind to the order of keys. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  const keys = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...keys].every((key) => isSame(one[key as never], other[key as never]))
}

export interface Candidate extends Substance {
  number: number
  state: ReleaseState
  live_at: Date | null
}

/** The release to go back to, or a refusal that says why there is none. `candidates` newest first. */
export function rollbackTarget<Known extends Candidate>(
  where: { app: string; environment: string },
  candidates: readonly Known[],
  live: number | null,
  asked: number | undefined,
): Known {
  const { app, environment } = where
  const hint = `tow releases -a ${app} -e ${environment}`
  const serving = candidates.find((candidate) => candidate.number === live)
  if (asked !== undefined) {
    const found = candidates.find((candidate) => candidate.number === asked)
    if (!found) {
      const newest = candidates[0] ? `; the newest is v${candidates[0].number}` : ''
      throw new TowError('NOT_FOUND', `${app} has no v${asked} in ${environment}${newest}`, { hint })
    }
    if (asked === live)
      throw new TowError('REFUSED', `v${asked} of ${app} is what serves in ${environment}`, { hint })
    if (!found.live_at) {
      throw new TowError(
        'REFUSED',
        `v${asked} of ${app} never went live in ${environment} (${found.state}), so there is nothing to go back to`,
        { hint },
      )
    }
    return found
  }
  if (!serving) {
    throw new TowError(
      'REFUSED',
      `no release of ${app} serves in ${environment}: there is nothing to go back from`,
      {
        hint: `tow ship -a ${app} -e ${environment}`,
      },
    )
  }
  const earlier = candidates.find(
    (candidate) =>
      candidate.number < serving.number && candidate.live_at && !isSameSubstance(candidate, serving),
  )
  if (earlier) return earlier
  throw new TowError(
    'REFUSED',
    `no earlier release of ${app} was live in ${environment} and differs from v${serving.number}`,
    { hint },
  )
}

export interface Snapshot {
  plain: Record<string, string>
  secrets: Record<string, number>
}

/**
 * The config of a release made from an old one. Plain values are as they were. Secrets are today's: a key that is a
 * secret today is today's secret, whatever it was then; one that was a secret and is plain today has today's value;
 * one that was unset since stays unset. With the old secrets, everything is as it was.
 */
export function rollbackConfig(old: Snapshot, today: Snapshot, withSecrets: boolean): Snapshot {
  if (withSecrets) return { plain: old.plain, secrets: old.secrets }
  const kept = Object.entries(old.plain).filter(([key]) => !(key in today.secrets))
  const opened = Object.keys(old.secrets)
    .filter((key) => key in today.plain)
    .map((key) => [key, today.plain[key] as string] as const)
  return { plain: Object.fromEntries([...kept, ...opened]), secrets: today.secrets }
}
