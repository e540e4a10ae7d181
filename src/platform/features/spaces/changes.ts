/** What people ask of a space: each is one change of rows; the workers tell the engine. */
import { nearest } from '../../../api/nearest.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import { applyOverrides, type Overrides, placesOf, versionsOf } from './config.ts'
import type { SpacesOptions } from './index.ts'
import { refusals, said } from './messages.ts'
import { turn } from './meter.ts'
import { ATTENDANCE_MS, configBelow, countsNow, expiryAfter, isAttached } from './rules.ts'
import {
  type AppFilter,
  deleteSpace,
  listApps,
  listSpaces,
  lockApps,
  lockSpace,
  nextRevision,
  type SpaceAppRow,
  type SpaceRow,
  updateApp,
  updateSpace,
  type Wanted,
} from './store.ts'
import { placeOf } from './tokens.ts'
import { swapOf } from './view.ts'

export type Changes = ReturnType<typeof createChanges>

export function createChanges(options: SpacesOptions) {
  const { clock, vault } = options
  const now = () => clock.now().getTime()

  /** Locked; NOT_FOUND with a suggestion where there is none, CONFLICT where it is on its way out. */
  async function open(change: Change, name: string): Promise<SpaceRow> {
    const space = await lockSpace(change.db, name)
    if (!space) {
      const names = (await listSpaces(change.db)).map((one) => one.name)
      throw refusals.unknown(name, nearest(name, names))
    }
    if (space.removing) throw refusals.leaving(name)
    return space
  }

  /** Those that are named, else all that are there; refused where one of them is not. */
  async function chosen(
    change: Change,
    space: string,
    names: readonly string[] | undefined,
  ): Promise<SpaceAppRow[]> {
    const rows = (await lockApps(change.db, { space })).filter(({ wanted }) => wanted !== 'removing')
    if (names === undefined) {
      if (rows.length === 0) throw refusals.nothingThere(space)
      return rows
    }
    return names.map((name) => {
      const row = rows.find(({ app }) => app === name)
      if (!row)
        throw refusals.noApp(
          space,
          name,
          rows.map(({ app }) => app),
        )
      return row
    })
  }

  /** The row as it should be from now on; the engine is told. */
  async function want(change: Change, row: SpaceAppRow, wanted: Wanted): Promise<void> {
    const at = now()
    const isOff = wanted !== 'running'
    await update(change, row, {
      wanted,
      generation: row.generation + 1,
      meter: turn(row.meter, at, row.run, countsNow({ counts: row.counts, wanted })),
      ...(isOff
        ? { attached_by: null, attached_until: null, swap_by: null, swap_since: null, swap_until: null }
        : {
            awake_at: new Date(at),
            report: { phase: 'starting', message: said.starts(['it']), hint: null, lastLines: [] },
          }),
    })
  }

  async function update(change: Change, row: SpaceAppRow, set: Partial<SpaceAppRow>): Promise<void> {
    if (!(await updateApp(change.db, row, set))) throw movedOn()
    change.wake('spaces')
  }

  /** Everything of it is on its way out; the row of a space in which nothing is goes at once. */
  async function begin(change: Change, space: SpaceRow, kind: string, message: string): Promise<string[]> {
    const rows = await lockApps(change.db, { space: space.name })
    for (const row of rows) if (row.wanted !== 'removing') await want(change, row, 'removing')
    await updateSpace(change.db, space.name, { removing: true })
    const apps = rows.map(({ app }) => app)
    change.event({ kind, environment: space.environment, message, facts: { space: space.name, apps } })
    if (rows.length === 0) await finish(change, space)
    return apps
  }

  /** Nothing of it is left: neither row nor secret. */
  async function finish(change: Change, space: SpaceRow): Promise<void> {
    const keys = [
      ...(await placesOf(change.db, space)),
      placeOf(space, 'door').key,
      placeOf(space, 'webhook').key,
    ]
    await vault.forget(change.db, { app: '', environment: space.environment }, keys)
    await deleteSpace(change.db, space.name)
    change.event({
      kind: 'space.removed',
      environment: space.environment,
      message: said.removed(space.name),
      facts: { space: space.name },
    })
  }

  return {
    open,
    begin,
    finish,
    async attend(change: Change, actor: Actor, name: string, names: readonly string[]): Promise<Date> {
      const space = await open(change, name)
      const rows = await chosen(change, name, [...new Set(names)])
      const at = now()
      const until = new Date(at + ATTENDANCE_MS)
      const fresh = rows.filter((row) => !isAttached(row, at) || row.attached_by !== actor.name)
      for (const row of rows) {
        // A swap that its holder has not bounded further lasts while they are there.
        const holds = swapOf(row, at)?.by === actor.name && row.swap_until! < until
        await update(change, row, {
          ...{ attached_by: actor.name, attached_until: until },
          ...(holds && { swap_until: until, generation: row.generation + 1 }),
        })
        if (row.wanted === 'asleep') await want(change, { ...row, version: row.version + 1 }, 'running')
      }
      const expires = expiryAfter(at, space.term_hours)
      if (expires > space.expires_at) await updateSpace(change.db, name, { expires_at: expires })
      if (fresh.length > 0) {
        const apps = fresh.map(({ app }) => app)
        change.event({
          kind: 'space.attended',
          ...(apps.length === 1 && { app: apps[0]! }),
          environment: space.environment,
          message: said.attended(apps, name, actor.name),
          facts: { space: name, apps },
        })
      }
      return until
    },
    async turn(
      change: Change,
      actor: Actor,
      name: string,
      names: readonly string[] | undefined,
      to: 'stopped' | 'running',
    ) {
      const space = await open(change, name)
      const rows = (await chosen(change, name, names)).filter((row) => row.wanted !== to)
      for (const row of rows) await want(change, row, to)
      const apps = rows.map(({ app }) => app)
      if (apps.length > 0) {
        change.event({
          kind: to === 'stopped' ? 'space.stopped' : 'space.started',
          ...(apps.length === 1 && { app: apps[0]! }),
          environment: space.environment,
          message:
            to === 'stopped' ? said.stopped(apps, name, actor.name) : said.started(apps, name, actor.name),
          facts: { space: name, apps },
        })
      }
      return apps
    },
    async extend(change: Change, name: string, hours: number, banner: boolean | undefined) {
      const space = await open(change, name)
      const expires = expiryAfter(now(), hours)
      await updateSpace(change.db, name, {
        ...{ expires_at: expires, term_hours: hours },
        ...(banner !== undefined && { banner }),
      })
      if (banner !== undefined && banner !== space.banner) await tellAgain(change, { space: name })
      change.event({
        kind: 'space.extended',
        environment: space.environment,
        message: said.extended(name, expires),
        facts: { space: name, before: space.expires_at.toISOString(), expiresAt: expires.toISOString() },
      })
      return { before: space.expires_at, expires }
    },
    async remove(change: Change, actor: Actor, name: string, named: readonly string[] | undefined) {
      const space = await open(change, name)
      if (named !== undefined)
        return { environment: space.environment, apps: await removeApps(change, actor, space, named) }
      const apps = await begin(change, space, 'space.removing', said.removing(name, actor.name))
      return { environment: space.environment, apps }
    },
    async swap(change: Change, actor: Actor, name: string, app: string, seconds: number) {
      const space = await open(change, name)
      const [row] = (await chosen(change, name, [app])) as [SpaceAppRow]
      if (row.wanted !== 'running' && row.wanted !== 'asleep') throw refusals.notRunning(app, name)
      const at = now()
      const others = await listApps(change.db, { app, environment: space.environment })
      const other = others.find((one) => one.space !== name && swapOf(one, at) !== null)
      if (other)
        throw refusals.swappedBy(app, space.environment, other.swap_by!, other.space, other.swap_until!)
      // Over, and nobody has looked yet: the index lets one alone be there.
      for (const one of others) {
        if (one.space !== name && one.swap_until !== null)
          await update(change, one, { ...NO_SWAP, generation: one.generation + 1 })
      }
      const held = swapOf(row, at)
      const until = new Date(at + seconds * 1000)
      const since = held?.by === actor.name ? new Date(held.since) : new Date(at)
      await update(change, row, {
        ...{ swap_by: actor.name, swap_since: since, swap_until: until },
        generation: row.generation + 1,
      })
      if (row.wanted === 'asleep') {
        await want(change, { ...row, generation: row.generation + 1, version: row.version + 1 }, 'running')
      }
      // Longer by the one who has it is no news.
      if (held?.by !== actor.name) {
        change.event({
          kind: 'space.swapped',
          ...{ app, environment: space.environment },
          message: said.swapped(row, actor.name, until),
          facts: { space: name, until: until.toISOString() },
        })
      }
      return { by: actor.name, since: since.toISOString(), until: until.toISOString() }
    },
    /** Its processes start anew, as another set of the same. */
    async restart(change: Change, name: string, app: string): Promise<string[]> {
      await open(change, name)
      const [row] = (await chosen(change, name, [app])) as [SpaceAppRow]
      if (row.wanted !== 'running') throw refusals.notRunning(app, name)
      await again(change, { space: name, app })
      const processes = Object.keys(row.counts).filter((process) => (row.counts[process] ?? 0) > 0)
      change.event({
        kind: 'process.restarted',
        ...{ app, environment: row.environment },
        message: said.restarted(processes, row),
        facts: { space: name, processes },
      })
      return processes
    },
    async unswap(change: Change, actor: Actor, app: string, environment: string): Promise<string> {
      const rows = await lockApps(change.db, { app, environment })
      const row = rows.find((one) => swapOf(one, now()) !== null)
      if (!row) throw refusals.notSwapped(app, environment)
      await update(change, row, { ...NO_SWAP, generation: row.generation + 1 })
      change.event({
        kind: 'space.swap-ended',
        ...{ app, environment },
        message: said.unswapped(row, actor.name),
        facts: { space: row.space },
      })
      return row.space
    },
    async configure(
      change: Change,
      actor: Actor,
      asked: Omit<Overrides, 'options' | 'space' | 'by'> & { name: string },
    ) {
      const space = await open(change, asked.name)
      if (Object.keys(asked.set).length === 0 && asked.unset.length === 0) throw refusals.nothingAsked()
      const applied = await applyOverrides(change, { ...asked, options, space, by: actor.name })
      if (applied.changed.length > 0) await again(change, { space: space.name, app: asked.app })
      return applied
    },
    /** The config of the environment below has changed. */
    async configChanged(
      change: Change,
      { app, environment }: { app: string; environment: string },
    ): Promise<void> {
      for (const row of await again(change, { app, environment })) {
        change.event({
          kind: 'space.reconfigured',
          ...{ app, environment },
          message: said.reconfigured(row),
          facts: { space: row.space },
        })
      }
    },
    tellAgain,
    /** An app that is removed is in no space any more. */
    async forgetApp(change: Change, app: string): Promise<void> {
      for (const row of await lockApps(change.db, { app })) {
        if (row.wanted === 'removing') continue
        await want(change, row, 'removing')
        change.event({
          kind: 'space.app-removed',
          ...{ app, environment: row.environment },
          message: said.appGone(app, row.space),
          facts: { space: row.space },
        })
      }
    },
    /** Refused while anything runs over it: without its engine nobody could end that. */
    async forgetEnvironment(change: Change, environment: string): Promise<void> {
      const spaces = await listSpaces(change.db, { environment })
      const rows = await listApps(change.db, { environment })
      if (rows.length > 0) throw refusals.inUse(environment, [...new Set(rows.map(({ space }) => space))])
      for (const space of spaces) await finish(change, space)
    },
    /** The branch that a space was made for is deleted. */
    async branchGone(change: Change, repository: string, branch: string): Promise<string[]> {
      const gone: string[] = []
      for (const { name } of await listSpaces(change.db)) {
        const space = await lockSpace(change.db, name)
        if (
          !space ||
          space.removing ||
          space.branch?.name !== branch ||
          space.branch.repository !== repository
        )
          continue
        await begin(change, space, 'space.removing', said.branchGone(name, branch))
        gone.push(name)
      }
      return gone
    },
  }

  async function removeApps(change: Change, actor: Actor, space: SpaceRow, named: readonly string[]) {
    const rows = await chosen(change, space.name, named)
    for (const row of rows) await want(change, row, 'removing')
    const apps = rows.map(({ app }) => app)
    change.event({
      kind: 'space.apps-removed',
      ...(apps.length === 1 && { app: apps[0]! }),
      environment: space.environment,
      message: said.appsRemoved(apps, space.name, actor.name),
      facts: { space: space.name, apps },
    })
    return apps
  }

  /** The engine is told once more, of the same sets. */
  async function tellAgain(change: Change, filter: AppFilter): Promise<void> {
    for (const row of await lockApps(change.db, filter)) {
      if (row.wanted !== 'removing') await update(change, row, { generation: row.generation + 1 })
    }
  }

  /** New sets of what is there, with today's config of the environment below; what sleeps or is stopped stays so. */
  async function again(change: Change, filter: AppFilter): Promise<SpaceAppRow[]> {
    // The space is locked before its apps, by everybody.
    const names = new Set((await listApps(change.db, filter)).map(({ space }) => space))
    const changed: SpaceAppRow[] = []
    for (const name of [...names].sort()) {
      const space = await lockSpace(change.db, name)
      if (!space || space.removing) continue
      for (const row of await lockApps(change.db, { ...filter, space: name })) {
        if (row.wanted === 'removing') continue
        const present = await options.present(change.db, row)
        const { plain, secrets } = configBelow(row.run, present, options.injectedNames(row.run.needs), [])
        const isRunning = row.wanted === 'running'
        await update(change, row, {
          ...{ plain, secrets, revision: await nextRevision(change, space) },
          overrides: await versionsOf(change.db, name, row.app),
          generation: row.wanted === 'stopped' ? row.generation : row.generation + 1,
          ...(isRunning && {
            awake_at: new Date(now()),
            report: { phase: 'starting', message: said.starts(['it']), hint: null, lastLines: [] },
          }),
          ...(row.command === 'failed' && { command: 'owed' as const }),
        })
        changed.push(row)
      }
    }
    return changed
  }
}

const NO_SWAP = { swap_by: null, swap_since: null, swap_until: null }

/** A worker wrote the row in between: the change as a whole is tried again. */
function movedOn(): Error {
  return Object.assign(new Error('the space moved on'), { code: '40001' })
}
