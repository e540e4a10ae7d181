/** Commands that people run once in a process of the live release: at most one start each, and a truthful end. */
import type { RunSpec } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { Run } from '../../../api/processes.ts'
import type { DesiredSet, Engine, Target } from '../../../engines/engine.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import { type Rollouts, type TargetRow, within } from '../rollouts/index.ts'
import { judgeRun, type RunEnd, type Start } from './rules.ts'
import { asRun, findRun, insertRun, openRuns, type RunRow, targetOf, updateRun } from './store.ts'

export interface RunsDependencies {
  database: Database
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  rollouts: Pick<Rollouts, 'desired' | 'live'>
  spaces: SpaceCopies
  onError: (error: unknown) => void
}

/** What a space has of an app. */
export interface SpaceCopies {
  /** NOT_FOUND where it has no copy over this environment. */
  copy(
    db: Queries | Within,
    space: string,
    app: string,
    environment: string,
  ): Promise<{
    run: RunSpec
    revision: number
    wanted: string
    with_crons: boolean
    scaled: TargetRow['overrides']
  }>
  environmentOf(db: Queries | Within, space: string): Promise<string>
  jobSet(space: string, app: string): Promise<{ target: Target; set: Omit<DesiredSet, 'processes'> }>
  scale(
    change: Change,
    asked: Parameters<Rollouts['scale']>[1] & { space: string },
  ): ReturnType<Rollouts['scale']>
  /** Names of the processes that start anew. */
  restart(change: Change, space: string, app: string): Promise<string[]>
}

export interface RunRequest {
  app: string
  environment: string
  space?: string | undefined
  command: string
  terminal?: { columns: number; rows: number } | undefined
  /** Nobody will write to it: its input is empty. */
  detached?: boolean | undefined
  timeoutSeconds?: number | undefined
  by: string
}

const START_MS = 30_000
const LOOK_MS = 5_000
const LOOK_EVERY_MS = 500
const IDLE_MS = 60_000

export function createRuns({ database, clock, engines, rollouts, spaces, onError }: RunsDependencies) {
  const starting = new Map<string, Promise<void>>()
  /** Runs that this platform wrote down; of all others only the rows tell. */
  const starts = new Map<string, Start>()
  const controller = new AbortController()
  let loop: Loop | null = null
  let timer: NodeJS.Timeout | null = null

  async function request(change: Change, asked: RunRequest): Promise<Run> {
    const { app, environment, command, by, space = null } = asked
    const release =
      space === null
        ? await rollouts.live(change.db, app, environment)
        : (await spaces.copy(change.db, space, app, environment)).revision
    if (release === null) {
      throw new TowError('NOT_FOUND', `no release of ${app} is live in ${environment}`, {
        hint: `tow why ${app} -e ${environment}`,
      })
    }
    const row: RunRow = {
      ...{ id: newId('u'), app, environment, space, release, command, by },
      terminal: asked.terminal ?? null,
      reads_input: !asked.detached,
      timeout_seconds: asked.timeoutSeconds ?? null,
      ...{ state: 'running', exit: null, reason: null, started: false },
      started_at: clock.now(),
      ended_at: null,
    }
    // Before the commit: whoever is woken by it must not take the run for one that a dead platform left behind.
    starts.set(row.id, 'under-way')
    await insertRun(change.db, row)
    // The command line may hold a secret that somebody typed, so the timeline does not repeat it.
    const message = `${by} ran a command in ${app} in ${placeOf(row)}`
    const facts = { run: row.id, ...(space !== null && { space }) }
    change.event({
      kind: 'run.started',
      app,
      environment,
      ...(space === null && { release }),
      message,
      facts,
    })
    change.wake('runs')
    return asRun(row)
  }

  /** Asks the engine to start a run that was just written down. Resolves when the engine has answered. */
  function start(id: string): Promise<void> {
    const known = starting.get(id)
    if (known) return known
    const work = startOnce(id).finally(() => {
      starting.delete(id)
      loop?.wake()
    })
    starting.set(id, work)
    return work
  }

  async function startOnce(id: string): Promise<void> {
    const row = await findRun(database.db, id)
    if (!row || row.started || row.state !== 'running') return
    const { app, environment, space, release, command, terminal, timeout_seconds: timeoutSeconds } = row
    try {
      const engine = await engines(environment)
      const { target, set } =
        space === null
          ? { target: targetOf(row), set: await rollouts.desired.jobSet(app, environment, release) }
          : await spaces.jobSet(space, app)
      const job = {
        ...{ key: id, set, command, process: 'run' },
        ...(terminal && { tty: terminal }),
        stdin: row.reads_input,
        ...(timeoutSeconds !== null && { timeoutSeconds }),
      }
      await within(engine.run(target, job), START_MS, controller.signal, 'the engine does not answer')
      starts.set(id, 'answered')
      await database.change(PLATFORM, (change) => updateRun(change.db, id, { started: true }))
    } catch (error) {
      if (controller.signal.aborted) return
      starts.set(id, 'unanswered')
      // A refusal is an answer. Without one it may have started: the next look asks the engine by its key.
      if (error instanceof TowError && error.code !== 'UNAVAILABLE') {
        await end(row, { state: 'failed', exit: null, reason: error.message })
      } else onError(error)
    }
  }

  async function end(row: RunRow, ended: RunEnd): Promise<void> {
    await database.change(PLATFORM, async (change) => {
      if (!(await updateRun(change.db, row.id, { ...ended, ended_at: clock.now() }))) return
      const { id, app, environment, release, space } = row
      const how = ended.exit === null ? ended.state : `${ended.state} with ${ended.exit}`
      change.event({
        kind: `run.${ended.state === 'unknown' ? 'lost' : ended.state}`,
        ...{ app, environment, ...(space === null && { release }) },
        message: `The command that ${row.by} ran in ${app} in ${placeOf(row)} ${how}${ended.reason ? `: ${ended.reason}` : ''}`,
        facts: { run: id, exit: ended.exit, ...(space !== null && { space }) },
      })
      change.wake('runs')
    })
    starts.delete(row.id)
  }

  async function look(row: RunRow): Promise<void> {
    const { environment, id } = row
    const start = starts.get(id) ?? (row.started ? 'answered' : 'abandoned')
    const engine = await engines(environment)
    const job = await within(
      engine.job(targetOf(row), id),
      LOOK_MS,
      controller.signal,
      'the engine does not answer',
    ).catch(() => undefined)
    // An engine that is away says nothing about the run.
    if (job === undefined) return
    const ended = judgeRun(start, job)
    if (ended) await end(row, ended)
  }

  async function pass(): Promise<void> {
    const open = await openRuns(database.db)
    await Promise.all(open.map(look))
    if (timer) clearTimeout(timer)
    timer =
      open.length > 0 && !controller.signal.aborted ? setTimeout(() => loop?.wake(), LOOK_EVERY_MS) : null
  }

  async function known(id: string): Promise<RunRow> {
    const row = await findRun(database.db, id)
    if (!row) throw new TowError('NOT_FOUND', `there is no run "${id}"`)
    return row
  }

  let unlisten = () => {}
  return {
    request,
    known,
    start,
    /** The run as it is after a fresh look at the engine. */
    async current(id: string): Promise<RunRow> {
      const row = await known(id)
      if (row.state === 'running') await look(row)
      return (await findRun(database.db, id)) ?? row
    },
    /** Resolves when nobody is asking the engine for this run any more. */
    settled: async (id: string) => starting.get(id),
    async begin() {
      loop = startLoop({ pass, interval: IDLE_MS, onError })
      unlisten = database.listen('runs', loop.wake)
    },
    async stop() {
      controller.abort()
      unlisten()
      if (timer) clearTimeout(timer)
      await loop?.stop()
      await Promise.all(starting.values())
    },
  }
}

export type Runs = ReturnType<typeof createRuns>

/** `stage, on v12`, or `mine over stage`. */
const placeOf = ({
  environment,
  space,
  release,
}: Pick<RunRow, 'environment' | 'space' | 'release'>): string =>
  space === null ? `${environment}, on v${release}` : `${space} over ${environment}`
