/** A stage without a database: rows as plain data, the same pure changes, versions compared as the store compares them. */
import type { RunSpec } from '../../src/api/app-spec.ts'
import {
  aborted,
  anotherTry,
  superseded,
  withCounts,
  withRestarts,
} from '../../src/platform/features/rollouts/asked.ts'
import { askAgain } from '../../src/platform/features/rollouts/command.ts'
import { releaseStateOf } from '../../src/platform/features/rollouts/deliver.ts'
import { createDesiredMaker } from '../../src/platform/features/rollouts/desired.ts'
import type { Place } from '../../src/platform/features/rollouts/journal.ts'
import { newRollout } from '../../src/platform/features/rollouts/new-rollout.ts'
import {
  EMPTY_PLAN,
  isActive,
  isOver,
  type ReleaseFacts,
  type RolloutState,
} from '../../src/platform/features/rollouts/state.ts'
import { currentOf, type RolloutRow, type TargetRow } from '../../src/platform/features/rollouts/store.ts'
import { artifact } from '../control.ts'
import type { Kept, Stage } from './stage.ts'

const ARTIFACT = artifact()

export function createMemoryStage(place: Place, now: () => number): Stage {
  let target: TargetRow = {
    ...place,
    generation: 0,
    plan: EMPTY_PLAN,
    live: null,
    declared: {},
    overrides: {},
    seen: 0,
    removing: false,
    version: 0,
  }
  const rows = new Map<string, RolloutRow>()
  const runs = new Map<number, RunSpec>()
  const releases: Kept['releases'] = new Map()
  const events: Kept['events'] = []

  const states = () => [...rows.values()].map((row) => row.state)
  const open = () => [...rows.values()].filter((row) => !isOver(row.state.phase))
  const facts = (number: number): ReleaseFacts => ({ number, run: runs.get(number) as RunSpec })

  function put(row: RolloutRow, state: RolloutState) {
    rows.set(state.id, { ...row, state, version: row.version + 1 })
    const active = states().filter((one) => isActive(one.phase))
    if (active.length > 1) throw new Error(`${active.length} rollouts are under way at once`)
  }

  function insert(state: RolloutState) {
    rows.set(state.id, { state, version: 0, sequence: rows.size })
  }

  function change(next: Partial<TargetRow>) {
    target = { ...target, ...next, version: target.version + 1 }
  }

  function tell(kind: string, rollout: string | null, release: number | null) {
    events.push({ kind, rollout, release })
  }

  return {
    place,
    journal: {
      read: async () => ({ target, open: open() }),
      release: async (_, number) => facts(number),
      async commit({ target: before, row }, { rollout, target: next, event }) {
        const { generation, plan, live, declared } = next
        const isMoved = generation !== before.generation || live !== before.live
        if ((isMoved || isOver(rollout.phase)) && target.version !== before.version) return false
        if (rows.get(rollout.id)?.version !== row.version) return false
        const replaced = rollout.phase === 'live' && target.live !== rollout.release ? target.live : null
        if (isMoved || isOver(rollout.phase)) change({ generation, plan, live, declared })
        put(row, rollout)
        if (!event) return true
        tell(event.kind, rollout.id, rollout.release)
        if (replaced !== null) releases.set(replaced, 'replaced')
        releases.set(rollout.release, releaseStateOf(rollout.phase))
        return true
      },
      async note(before, next) {
        if (target.version !== before.version) return false
        change(next)
        return true
      },
    },
    desired: createDesiredMaker({
      release: async (app, environment, number) =>
        ({ app, environment, number, content: ARTIFACT, run: runs.get(number) }) as never,
      config: async () => ({}),
      needs: async () => ({}),
    }),
    read: async () => ({ target, rollouts: states(), events: [...events], releases: new Map(releases) }),
    async ship(run, whenBusy) {
      const release = runs.size + 1
      const ahead = open().at(-1)?.state.release ?? null
      runs.set(release, run)
      releases.set(release, 'pending')
      tell('release.created', null, release)
      if (whenBusy === 'supersede') {
        const giving = superseded(
          open().map((row) => row.state),
          release,
        )
        for (const next of giving) put(rows.get(next.id) as RolloutRow, next)
      }
      const id = `o_${rows.size}`
      insert(newRollout({ ...place, id, release, by: 'ada', now: now(), ahead }))
      return { release, rollout: id }
    },
    async scale(process, count) {
      const number = target.live ?? open().at(-1)?.state.release
      if (number === undefined || !(process in (runs.get(number) as RunSpec).processes)) return false
      const override = { count, by: 'ada', at: '', reason: null }
      const overrides = { ...target.overrides, [process]: override }
      const { generation, plan } = withCounts(
        target,
        overrides,
        facts(number),
        currentOf(open())?.state ?? null,
      )
      change({ generation, plan, overrides })
      tell('process.scaled', null, null)
      return true
    },
    async restart() {
      const number = target.live ?? open().at(-1)?.state.release
      if (number === undefined) return false
      const { generation, plan } = withRestarts(target, Object.keys(facts(number).run.processes))
      change({ generation, plan })
      tell('process.restarted', null, null)
      return true
    },
    async abort(id) {
      const row = rows.get(id)
      if (!row || isOver(row.state.phase)) return false
      put(row, aborted(row.state, 'ada'))
      tell('rollout.abort-requested', id, row.state.release)
      return true
    },
    async retry(id) {
      const row = rows.get(id)
      if (!row) return false
      const { state } = row
      const again = askAgain({ rollout: state, target, now: now() })?.rollout
      if (again) put(row, again)
      else {
        if (!isOver(state.phase) || state.phase === 'live' || open().length > 0) return false
        if (target.live !== null && target.live >= state.release) return false
        insert(anotherTry(state, states(), { id: `o_${rows.size}`, by: 'ada', now: now() }))
        releases.set(state.release, 'pending')
      }
      tell('rollout.retried', again ? id : `o_${rows.size - 1}`, state.release)
      return true
    },
  }
}
