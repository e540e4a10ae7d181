/** What a promotion would move, and everything that stands in its way. Pure. */
import { TowError } from '../../../api/errors.ts'
import type { PromotionPlan } from '../../../api/pipelines.ts'
import type { ReleaseState, SummaryRow } from '../releases/index.ts'

export interface Refusal {
  message: string
  hint?: string | undefined
}

/** Where a promotion to `to` comes from: the environment before it. `to` defaults to the second. */
export function ends(order: readonly string[], to: string | undefined): { from: string; to: string } {
  const target = to ?? order[1]
  if (target === undefined) {
    throw new TowError(
      'REFUSED',
      `the pipeline has one environment, ${order[0]}: there is nothing to promote to`,
      {
        hint: 'tow env add <name>',
      },
    )
  }
  const place = order.indexOf(target)
  if (place < 0) {
    throw new TowError(
      'NOT_FOUND',
      `there is no environment "${target}"; the pipeline is ${order.join(' → ')}`,
    )
  }
  const from = order[place - 1]
  if (from === undefined) {
    throw new TowError('REFUSED', `${target} is the first environment of the pipeline: ships go there`, {
      hint: `tow ship -e ${target}`,
    })
  }
  return { from, to: target }
}

export function noneLive(app: string, environment: string): Refusal {
  return {
    message: `${app} has no live release in ${environment}`,
    hint: `tow ship -a ${app} -e ${environment}`,
  }
}

/** `rows`: releases of the source, newest first; `serves`: the artifact of the target, null where there is none. */
export function broughtBy(
  rows: readonly SummaryRow[],
  pinned: number,
  serves: string | null,
): PromotionPlan['brings'] {
  const upTo = rows.filter(({ number }) => number <= pinned)
  const base = upTo.findIndex(({ artifact }) => artifact === serves)
  const went = upTo.slice(0, base + 1).filter((row, index) => row.live_at !== null || index === base)
  // Another config of the same code brings nothing.
  const brought = base < 0 ? upTo.slice(0, 1) : went.filter((row, at) => isOther(row, went[at + 1]))
  return brought.map(({ number, origin, description, by, live_at }) => ({
    ...{ number, commit: origin.commit ?? null, subject: origin.subject ?? description, by },
    liveAt: live_at?.toISOString() ?? null,
  }))
}

const isOther = (row: SummaryRow, before: SummaryRow | undefined): boolean =>
  before !== undefined && row.artifact !== before.artifact

interface Frozen {
  plain: Record<string, string>
  secrets: Record<string, number>
}

/** What the source has and the target lacks, by name. */
export function missingConfig(
  { plain, secrets }: Frozen,
  target: Frozen,
  variables: Record<string, { required: boolean }>,
): PromotionPlan['missingConfig'] {
  return [...Object.keys(plain), ...Object.keys(secrets)]
    .filter((key) => !(key in target.plain) && !(key in target.secrets))
    .sort()
    .map((key) => ({ key, secret: key in secrets, required: variables[key]?.required ?? false }))
}

/** The release that a promotion pinned must still be the one that serves. */
export function noLongerLive(
  pinned: { app: string; environment: string; number: number; state: ReleaseState },
  live: number | null,
): Refusal | null {
  if (pinned.number === live) return null
  const { app, environment, number } = pinned
  const now = live === null ? 'nothing' : `v${live}`
  return {
    message: `v${number} of ${app} is no longer what serves in ${environment}: ${now} is`,
    hint: `tow promote ${app} --plan shows what would move now`,
  }
}

export function platformRefusal(
  app: string,
  environment: string,
  problem: { message: string; hint?: string },
): Refusal {
  const message = `${app} does not run in ${environment}: ${problem.message}`
  return problem.hint === undefined ? { message } : { message, hint: problem.hint }
}

export function engineAway(environment: string, reason: string): Refusal {
  return {
    message: `the engine of ${environment} does not answer (${reason}), so nobody can say whether the app runs there`,
    hint: 'tow doctor',
  }
}

export function noSuchRelease({
  app,
  from,
  release,
}: {
  app: string
  from: string
  release: string
}): Refusal {
  return { message: `${app} has no release ${release} in ${from}`, hint: `tow releases -a ${app} -e ${from}` }
}

export function checkOrder(order: readonly string[], app: string, from: string, to: string): void {
  if (order.indexOf(from) >= 0 && order.indexOf(from) < order.indexOf(to)) return
  throw new TowError(
    'REFUSED',
    `${app} can't be promoted from ${from} to ${to}: the pipeline is ${order.join(' → ')}`,
  )
}
