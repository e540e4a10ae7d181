/** Runs the builds that are queued, a few at a time, and writes down how each ended. */
import { TowError } from '../../../api/errors.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change, Database } from '../../kernel/database.ts'
import { outageOf } from '../../kernel/outages.ts'
import type { BuildLogs, BuildOutput } from './log.ts'
import { refusals } from './messages.ts'
import { canonicalJson } from './rules.ts'
import { type Outcome, runBuild, type Workshop } from './run.ts'
import { createStepRecorder, type StepRecorder } from './steps.ts'
import { type BuildRow, insertArtifact, openBuilds, updateBuild } from './store.ts'
import type { StartedProcess, WorkFolders } from './work.ts'

export interface WorkerOptions {
  database: Database
  shop: Workshop
  logs: BuildLogs
  folders: WorkFolders
  concurrency: number
  timeLimit: number
  /** Values of the build secrets that are set, by name, and where they were looked for. */
  secrets(
    app: string,
    names: readonly string[],
  ): Promise<{ environment: string; values: Record<string, string> }>
  /** Ends the process and all that it started, if it is still the one that was written down. */
  endProcess(started: StartedProcess & { folder: string }): Promise<void>
  onError(error: unknown): void
}

export interface Worker {
  /** Starts what may start and cancels what should end. */
  pass(): Promise<void>
  /** Ends what runs; resolves when all is written down. Interrupted builds stay `running` for the next start to judge. */
  stop(): Promise<void>
  /** Judges builds that an earlier platform left running. Called once, before the first pass. */
  recover(): Promise<void>
}

const LAST_LINES = 20

/** The platform goes away: nobody decided anything about the build. */
class Stopping extends Error {}

export function createWorker(options: WorkerOptions): Worker {
  const { database, shop, logs, folders, concurrency, timeLimit, secrets, endProcess, onError } = options
  const { clock } = shop
  const running = new Map<string, { controller: AbortController; done: Promise<void>; same: string }>()
  let stopping = false

  async function pass(): Promise<void> {
    const rows = await openBuilds(database.db)
    for (const row of rows) {
      if (row.state !== 'running' || stopping) continue
      const ours = running.get(row.id)
      // The database was away when it ended; what its row says is judged once more where it is changed.
      if (!ours) await giveUp(row, refusals.lost(row.app))
      else if (row.cancelled_by !== null) ours.controller.abort(refusals.cancelled(row.app, row.cancelled_by))
    }
    for (const row of rows) {
      if (stopping || running.size >= concurrency) return
      if (row.state !== 'queued' || running.has(row.id)) continue
      const same = sameness(row)
      // The second of two that ask for the same at once finds the result of the first.
      if ([...running.values()].some((one) => one.same === same)) continue
      const controller = new AbortController()
      const done = work(row, controller)
        .catch(onError)
        .finally(() => {
          running.delete(row.id)
          void pass().catch(onError)
        })
      running.set(row.id, { controller, done, same })
    }
  }

  async function work(row: BuildRow, controller: AbortController): Promise<void> {
    const started_at = clock.now()
    if (!(await updateBuild(database.db, row.id, ['queued'], { state: 'running', started_at }))) return
    await notify()
    const steps = createRecorder(row)
    let output: BuildOutput | null = null
    const late = setTimeout(() => controller.abort(refusals.tookTooLong(row.app, timeLimit)), timeLimit)
    try {
      const found = await findSecrets(row)
      output = logs.open(row.id, found)
      const { signal } = controller
      const job = { row, work: folders.of(row.id), steps: steps.recorder, output, secrets: found, signal }
      const outcome = await runBuild(shop, job)
      steps.recorder.end(false)
      await succeed(row, outcome, steps.recorder)
    } catch (error) {
      if (controller.signal.reason instanceof Stopping) return
      steps.recorder.end(true)
      await fail(row, controller.signal.aborted ? controller.signal.reason : error, steps.recorder, output)
    } finally {
      clearTimeout(late)
      await steps.written()
      output?.close()
      await tidy(row.id)
    }
  }

  async function findSecrets({ app, declaration }: BuildRow): Promise<Record<string, string>> {
    const names = declaration.build.secrets
    if (names.length === 0) return {}
    const { environment, values } = await secrets(app, names)
    const missing = names.filter((name) => values[name] === undefined)
    if (missing.length > 0) throw refusals.secretsMissing(app, environment, missing)
    return values
  }

  /** Steps are written as they come, one after the other, so that everybody sees how far it is. */
  function createRecorder(row: BuildRow) {
    let writing: Promise<unknown> = Promise.resolve()
    const recorder: StepRecorder = createStepRecorder(clock, () => {
      const steps = recorder.steps()
      writing = writing
        .then(() => updateBuild(database.db, row.id, ['running'], { steps }))
        .then(notify)
        .catch(onError)
    })
    return { recorder, written: () => writing }
  }

  async function succeed(row: BuildRow, outcome: Outcome, recorder: StepRecorder): Promise<void> {
    const { artifact, inputs, parts, because, reusedFrom } = outcome
    const at = clock.now()
    await database.change(PLATFORM, async (change) => {
      const isOurs = await updateBuild(change.db, row.id, ['running'], {
        state: 'succeeded',
        artifact: artifact.digest,
        inputs,
        parts,
        because,
        reused: reusedFrom !== null,
        steps: recorder.steps(),
        ended_at: at,
      })
      if (!isOurs) return
      // Also where it is reused: it may have been thrown away since it was found.
      await insertArtifact(change.db, { artifact, app: row.app, inputs, build: reusedFrom ?? row.id, at })
      const short = artifact.digest.slice(0, 12)
      note(change, row, 'build.succeeded', {
        message:
          reusedFrom === null
            ? `Built ${row.app}: artifact ${short}`
            : `${row.app} needed no build: the same inputs gave the artifact ${short} before`,
        facts: { artifact: artifact.digest, reusedFrom },
      })
    })
  }

  async function fail(
    row: BuildRow,
    error: unknown,
    recorder: StepRecorder,
    output: BuildOutput | null,
  ): Promise<void> {
    const known = error instanceof TowError ? error : (outageOf(error) ?? refusals.fault(row.app))
    if (known.code === 'INTERNAL') onError(error)
    const isCancelled = known.code === 'CANCELLED'
    if (!isCancelled) await shop.content.doubt(row.tree)
    await database.change(PLATFORM, async (change) => {
      const isOurs = await updateBuild(change.db, row.id, ['running'], {
        state: isCancelled ? 'cancelled' : 'failed',
        error: {
          message: known.message,
          ...(known.hint && { hint: known.hint }),
          lastLines: output?.lastLines() ?? [],
        },
        steps: recorder.steps(),
        ended_at: clock.now(),
      })
      if (isOurs)
        note(change, row, isCancelled ? 'build.cancelled' : 'build.failed', { message: known.message })
    })
  }

  /** A builder ends what it started; whatever is left all the same is ended here, before its folder goes. */
  async function tidy(id: string): Promise<void> {
    const work = folders.of(id)
    for (const started of await work.processes()) await endProcess({ ...started, folder: work.folder })
    await work.remove()
  }

  /** Nobody works on it any more, and its row says that somebody does. */
  async function giveUp(row: BuildRow, reason: TowError): Promise<void> {
    await tidy(row.id)
    const known = row.cancelled_by === null ? reason : refusals.cancelled(row.app, row.cancelled_by)
    const isCancelled = known.code === 'CANCELLED'
    const at = clock.now()
    const steps = row.steps.map((step) =>
      step.endedAt === null ? { ...step, endedAt: at.toISOString(), failed: true } : step,
    )
    const { text } = await logs.read(row.id)
    const lastLines = text.split('\n').filter(Boolean).slice(-LAST_LINES)
    await database.change(PLATFORM, async (change) => {
      const isOurs = await updateBuild(change.db, row.id, ['running'], {
        state: isCancelled ? 'cancelled' : 'failed',
        interrupted: !isCancelled,
        error: { message: known.message, ...(known.hint && { hint: known.hint }), lastLines },
        steps,
        ended_at: at,
      })
      if (isOurs)
        note(change, row, isCancelled ? 'build.cancelled' : 'build.failed', { message: known.message })
    })
  }

  async function recover(): Promise<void> {
    for (const row of await openBuilds(database.db)) {
      if (row.state === 'running') await giveUp(row, refusals.stopped(row.app))
    }
    for (const id of await folders.list()) await tidy(id)
    await folders.sweep()
  }

  const notify = () => database.change(PLATFORM, async (change) => change.wake('builds'))

  return {
    pass,
    recover,
    async stop() {
      stopping = true
      for (const { controller } of running.values()) controller.abort(new Stopping())
      await Promise.all([...running.values()].map(({ done }) => done))
      await folders.idle()
    },
  }
}

/** Equal for builds that surely have the same inputs. */
function sameness({ tree, declaration }: BuildRow): string {
  const { path, context, build, run } = declaration
  return canonicalJson({ tree, path, context, build, run })
}

function note(
  change: Change,
  row: BuildRow,
  kind: string,
  { message, facts = {} }: { message: string; facts?: Record<string, unknown> },
): void {
  change.event({ kind, app: row.app, message, facts: { build: row.id, ...facts } })
  change.wake('builds')
}
