/**
 * A push, judged before Git takes it: main passes when every app whose files changed is live, anything else is stored
 * as it is. It enters deliveries where `tow ship` does, so refusals, reuse and rollouts are the same.
 */
import { TowError } from '../../../api/errors.ts'
import type { Ship } from '../../../api/ships.ts'
import { askGit } from '../../../trees/git.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { Actor } from '../../kernel/actor.ts'
import { outageOf } from '../../kernel/outages.ts'
import type { Content } from '../content/index.ts'
import type { Ships } from '../ships/index.ts'
import { describeCommit, folderNameOf, originOf, takeTree } from './commit.ts'
import { refusals, words } from './messages.ts'
import type { Queue } from './queue.ts'
import type { Repositories } from './repositories.ts'
import { isChanged, isMain, type RefChange, type Served } from './rules.ts'
import { clean, createTeller, duration } from './tell.ts'

export interface PushDependencies {
  content: Pick<Content, 'adopt' | 'blobs' | 'tree'>
  ships: Pick<Ships, 'begin' | 'cancel' | 'declared' | 'follow' | 'source' | 'underWay' | 'view'>
  /** The first environment; throws where there is none. */
  environment(): Promise<string>
  /** The artifact of the release that serves, where nothing else is on its way. */
  serving(app: string, environment: string): Promise<string | null>
  /** FORBIDDEN where whoever pushes may not change one of these apps there. */
  mayShip(actor: Actor, apps: readonly string[], environment: string): Promise<void>
  /** Told in one change before Git takes it: a branch that others may depend on is deleted. */
  branchGone(actor: Actor, repository: string, branch: string): Promise<void>
  repositories: Repositories
  queue: Queue
  onError: (error: unknown) => void
}

export interface Push {
  repository: string
  by: Actor
  /** Where Git keeps the objects of the push until it is accepted. */
  incoming: string
  changes: readonly RefChange[]
  say(line: string): void
  /** Resolves when what was said is on its way, so that a slow reader slows us and fills no memory. */
  drained(): Promise<void>
  /** Aborted when whoever pushes is gone. */
  gone: AbortSignal
  /** Aborted when the platform ends. */
  stopping: AbortSignal
  /** Called with what makes way for the next push to main, once this one has its turn. */
  onTurn(leave: () => void): void
}

/** Whether Git may take the push; the reason was said where it may not. Never throws. */
export async function judge(dependencies: PushDependencies, push: Push): Promise<boolean> {
  try {
    const main = push.changes.find(isMain)
    if (main && !(await judgeMain(dependencies, push, main))) return false
    for (const change of push.changes) {
      if (isMain(change)) continue
      for (const line of wordsFor(change)) push.say(line)
      const branch = change.to === null ? /^refs\/heads\/(.+)$/.exec(change.ref)?.[1] : undefined
      if (branch !== undefined) await dependencies.branchGone(push.by, push.repository, branch)
    }
    return true
  } catch (error) {
    if (push.gone.aborted) return false
    if (push.stopping.aborted) push.say(words.stopping)
    else sayError(dependencies, push, error)
    return false
  }
}

function sayError({ onError }: PushDependencies, { say }: Push, error: unknown): void {
  const told = error instanceof TowError ? error : outageOf(error)
  const known = told?.code === 'INTERNAL' ? null : told
  if (!known) onError(error)
  const { message, hint } = known ?? {
    message: 'the platform met an error of its own, and main stays where it was',
    hint: 'tow doctor; tow rollout shows what is under way',
  }
  for (const line of message.split('\n')) say(`✗ ${line}`)
  for (const line of hint?.split('\n') ?? []) say(words.hint(line))
  if (known) say(words.nothingReleased)
}

function wordsFor({ ref, to }: RefChange): string[] {
  if (to === null) return words.removed(ref.replace(/^refs\/(heads|tags)\//, ''))
  if (ref.startsWith('refs/tags/')) return words.storedTag(ref.slice('refs/tags/'.length))
  return words.stored(ref.replace(/^refs\/heads\//, ''))
}

async function judgeMain(dependencies: PushDependencies, push: Push, main: RefChange): Promise<boolean> {
  const { repositories, queue } = dependencies
  const { repository, say, gone, stopping } = push
  if (main.to === null) throw refusals.removeMain()
  if (queue.isBusy(repository)) say(words.waiting)
  push.onTurn(await queue.enter(repository, AbortSignal.any([gone, stopping])))
  const now = await repositories.main(repository)
  if (now !== main.from) throw refusals.moved(now)
  return repositories.view(repository, push.incoming, (view) =>
    ship(dependencies, push, { ...main, to: main.to! }, view),
  )
}

/** From a commit to live apps. */
async function ship(
  dependencies: PushDependencies,
  push: Push,
  main: RefChange & { to: string },
  view: string,
): Promise<boolean> {
  const { ships } = dependencies
  const { say } = push
  const signal = AbortSignal.any([push.gone, push.stopping])
  const begin = performance.now()
  const described = await describeCommit(view, main.to, signal)
  const { commit, subject } = described
  say(words.reading(commit, clean(subject).slice(0, 80)))
  if (main.from !== null) {
    const kept = await askGit(view, ['merge-base', '--is-ancestor', main.from, commit], signal)
    if (kept.code === 1) say(words.forced(main.from))
  }
  const folder = await dependencies.repositories.folderOf(push.repository)
  const taken = { repository: push.repository, path: view, commit, folder, signal }
  const { tree, leftOut } = await takeTree(dependencies, taken)
  for (const path of leftOut) say(words.leftOut(path))
  const folderName = folderNameOf(push.repository, folder)
  const environment = await dependencies.environment()
  const changed = await changedApps(dependencies, push, tree, folderName, environment)
  if (changed.length === 0) {
    say(words.nothing)
    return true
  }
  // Also where a delivery of the same is under way already: whoever leaves it gives it up.
  await dependencies.mayShip(push.by, changed, environment)
  const running = await ships.underWay(environment, tree.hash)
  const isSame = running !== null && changed.every((app) => running.apps.some((one) => one.app === app))
  if (isSame) say(words.joining(changed, environment))
  else say(words.shipping(changed, environment))
  signal.throwIfAborted()
  const started = isSame
    ? running
    : await ships.begin(push.by, {
        tree: tree.hash,
        folderName,
        apps: changed,
        environment,
        origin: originOf(described, 'main'),
        whenBusy: 'supersede',
        rebuild: false,
      })
  return conclude(push, await follow(dependencies, push, started), performance.now() - begin)
}

async function changedApps(
  { ships, content, serving }: PushDependencies,
  { say }: Push,
  tree: Tree,
  folderName: string,
  environment: string,
): Promise<string[]> {
  const changed: string[] = []
  const same: string[] = []
  for (const app of await ships.declared(tree.hash, folderName)) {
    const artifact = await serving(app.name, environment)
    const source = artifact === null ? null : await ships.source(app.name, environment, artifact)
    const served = source && (await readServed(content, source))
    if (isChanged(app, tree, served)) changed.push(app.name)
    else same.push(app.name)
  }
  if (same.length > 0) say(words.unchanged(same, environment))
  return changed
}

/** Null where that tree is not kept any more. */
async function readServed(
  content: Pick<Content, 'tree'>,
  { tree, declaration }: { tree: string; declaration: Served['declaration'] },
): Promise<Served | null> {
  try {
    return { tree: await content.tree(tree), declaration }
  } catch (error) {
    if (error instanceof TowError) return null
    throw error
  }
}

/** Tells the delivery until it is over. Like Ctrl-C of `tow ship`: builds end, what rolls out already goes on. */
async function follow({ ships }: PushDependencies, push: Push, started: Ship): Promise<Ship> {
  const { by, say, gone, stopping } = push
  const signal = AbortSignal.any([gone, stopping])
  const tell = createTeller()
  let seen = started
  for await (const { update } of ships.follow(started.id, {}, signal)) {
    if (update.type === 'ship') seen = update.ship
    for (const line of tell(update)) say(line)
    await push.drained()
  }
  if (!signal.aborted) return seen
  const now = await ships.view(started.id)
  const isReleasing = now.apps.some(({ state }) => state === 'releasing' || state === 'live')
  if (gone.aborted && now.state === 'running' && !isReleasing) await ships.cancel(by, started.id)
  signal.throwIfAborted()
  return now
}

function conclude({ say }: Push, ship: Ship, milliseconds: number): boolean {
  for (const { app, error } of ship.apps) {
    if (!error) continue
    for (const line of `${app}: ${error.message}`.split('\n')) say(`✗ ${clean(line)}`)
    for (const line of error.lastLines) say(`  ${clean(line)}`)
    for (const line of error.hint?.split('\n') ?? []) say(words.hint(line))
  }
  if (ship.state === 'live') {
    for (const { app, urls } of ship.apps) if (urls[0]) say(`${app}  ${urls[0]}`)
    say(words.live(ship.environment, duration(milliseconds)))
    return true
  }
  if (ship.state === 'cancelled') say(words.givenUp)
  const live = ship.apps
    .filter(({ state }) => state === 'live' || state === 'unchanged')
    .map(({ app }) => app)
  say(live.length > 0 ? words.liveAlready(live) : words.nothingReleased)
  return false
}
