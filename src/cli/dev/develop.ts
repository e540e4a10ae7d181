/** `tow dev` as it goes on: apps are shipped into the space once, and from then on every save is live there. */
import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import type { Origin } from '../../api/app-spec.ts'
import { TowError } from '../../api/errors.ts'
import type { IntoSpace } from '../../api/spaces.ts'
import type { Tree } from '../../trees/tree.ts'
import { followShip } from '../follow-ship.ts'
import type { Link } from '../link.ts'
import { describeOrigin } from '../source.ts'
import { linksOf, printLinks, sayOff } from '../spaces.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { scanWorkingCopy, uploadWorkingCopy } from '../working-copy.ts'
import { type DebuggerDoor, openDebuggers } from './debug.ts'
import { type EnvFiles, isTracked, takenOver } from './env-file.ts'
import { createFollower, type Follower, type FollowingRules, type News, Outdated } from './follow.ts'
import { followLogs } from './logs.ts'
import { lookAt } from './look.ts'
import { sayNews } from './news.ts'
import { watchFolder } from './watch.ts'

export interface DetectedApp {
  name: string
  path: string
  dev: FollowingRules & { commands: Record<string, string>; reloading: string[] }
}

export interface Development {
  link: Link
  terminal: Terminal
  json: boolean
  home: string
  signal: AbortSignal
  root: string
  folderName: string
  tree: Tree
  environment?: string
  apps: DetectedApp[]
  /** The same apps, as another tree declares them. */
  detect(tree: Tree): Promise<DetectedApp[]>
  /** Whether debuggers may attach. */
  debug: boolean
  envFiles: EnvFiles
  into: IntoSpace
  once: boolean
}

const ATTEND_MS = 45_000
const PROVE_MS = 20_000

export async function develop(development: Development): Promise<number> {
  const { link, terminal, signal, root, home, apps, into, json } = development
  // It stays for hours beside an editor: what each look leaves behind is cleared away early.
  setFlagsFromString('--optimize-for-size')
  let { tree } = development
  if (!(await ship(development, tree))) {
    if (development.once || !(await isThere(development, tree))) return 1
  }
  const space = into.name
  const { environment } = await link.client.spaces.get({ space })
  const tell = (news: News) => sayNews(terminal, news, json)
  const followers = await Promise.all(
    apps.map(({ name, dev }) => createFollower(link, { app: name, space, rules: dev }, tree, signal, tell)),
  )
  const each = <Value>(use: (follower: Follower) => Promise<Value>) => Promise.all(followers.map(use))

  let debuggers: DebuggerDoor[] = []
  /** Config of the space is part of what is shipped into it. */
  let isConfigOwed = false
  /** Whether it is another than it was. */
  async function lookAtConfig(): Promise<boolean> {
    const values = await development.envFiles.read()
    if (isDeepStrictEqual(values, into.fromFile)) return false
    into.fromFile = values
    isConfigOwed = true
    return true
  }

  /** False where what is there now can't be built, or ended at once: only another change can help. */
  async function bring(next: Tree, at: number): Promise<boolean> {
    tree = next
    const asking = followers.map((follower) => ({ follower, paths: follower.needBuild(tree) }))
    if (isConfigOwed || asking.some(({ paths }) => paths.length > 0)) {
      tree = await uploadWorkingCopy(link.client, { root, home, terminal, signal })
      development.apps = await development.detect(tree)
      const isLive = await ship(development, tree)
      if (!isLive && !(await isThere(development, tree))) return false
      for (const { name, dev } of development.apps)
        await followers.find(({ app }) => app === name)!.renew(tree, dev)
      const milliseconds = performance.now() - at
      for (const { follower, paths } of isLive ? asking : [])
        if (paths.length > 0) tell({ type: 'built', app: follower.app, paths, milliseconds })
      if (isConfigOwed) await tellConfig(development, tell, true)
      isConfigOwed = false
      if (!isLive) return false
    }
    const isUp = (await each((follower) => follower.follow(root, tree, at))).every(Boolean)
    for (const one of debuggers) await one.tell()
    return isUp
  }

  async function bringAll(): Promise<boolean> {
    for (;;) {
      try {
        return await bring((await scanWorkingCopy({ root, home, signal })).tree, performance.now())
      } catch (error) {
        if (!(error instanceof Outdated)) throw error
      }
    }
  }

  // From before the first look, so that nothing is missed between the two.
  const changes = watchFolder(root, signal)
  try {
    const isLive = await bringAll()
    if (development.once) return isLive ? 0 : 1
    await greet(development)
    await tellConfig(development, tell)
    const debugging = { link, terminal, json, signal, root, space, processes: into.with }
    debuggers = followers.map((follower) => openDebuggers(debugging, follower))
    for (const one of debuggers) await one.tell()
    void attend(
      link,
      space,
      apps.map(({ name }) => name),
      signal,
    )
    for (const { name } of apps)
      void followLogs(link, terminal, { app: name, environment, space }, json, signal)
    let provenAt = performance.now()
    let isOwed = false
    let refusal = ''
    for await (const { paths, at } of changes) {
      try {
        const known = isOwed || !paths ? null : await lookAt(root, tree, paths)
        const next = known ?? (await scanWorkingCopy({ root, home, signal })).tree
        const hasConfigChanged = await lookAtConfig()
        if (isOwed || hasConfigChanged || next.hash !== tree.hash) {
          isOwed = true
          await bring(next, at)
          isOwed = false
          refusal = ''
        } else if (followers.some((one) => one.isLost()) || performance.now() - provenAt > PROVE_MS) {
          await each((follower) => follower.prove(root, tree))
          provenAt = performance.now()
        }
      } catch (error) {
        if (signal.aborted) break
        // The next look finds it as it is then.
        if (error instanceof Outdated) continue
        if (!(error instanceof TowError)) throw error
        if (error.message === refusal) continue
        refusal = error.message
        for (const { app } of followers) {
          tell({ type: 'refused', app, message: error.message, hint: error.hint })
        }
      }
    }
  } finally {
    for (const follower of followers) follower.close()
  }
  return leave(development)
}

/** Builds what is needed and starts it in the space. False where that failed, which is said already. */
async function ship(development: Development, tree: Tree): Promise<boolean> {
  const { terminal, root, folderName, environment, apps, into, signal } = development
  const { client } = development.link
  const origin: Origin = await describeOrigin(root)
  const started = await client.ships.start({
    tree: tree.hash,
    folderName,
    origin,
    apps: apps.map(({ name }) => name),
    ...(environment ? { environment } : {}),
    space: { ...into, live: liveOf(development) },
  })
  const quiet = { ...terminal, print() {} }
  return (await followShip({ client, terminal: quiet, ship: started, json: false, signal })) === 0
}

function liveOf({ apps, debug }: Development): NonNullable<IntoSpace['live']> {
  const entries = apps.map(({ name, dev: { commands, reloading } }) => [name, { commands, reloading, debug }])
  return Object.fromEntries(entries)
}

/** What was built is in the space, though it does not run: the next save may mend it. */
async function isThere(
  { link: { client }, apps, into: { name: space } }: Development,
  tree: Tree,
): Promise<boolean> {
  const found = await Promise.all(
    apps.map(({ name: app }) => client.spaces.workspace({ space, app }).catch(() => null)),
  )
  return found.every((workspace) => workspace?.tree === tree.hash)
}

async function greet({ link: { client }, terminal, apps, json, into: { name } }: Development): Promise<void> {
  const names = apps.map((app) => app.name)
  const links = (await linksOf(client, name)).filter(({ app, own }) => own && names.includes(app))
  if (json) return terminal.print(JSON.stringify({ type: 'ready', space: name, links }))
  sayOff(terminal, await client.spaces.get({ space: name }), names)
  printLinks(terminal, links)
  terminal.say(terminal.tint('dim', 'Every save is live there. Ctrl-C stops it; the space stays.'))
}

/** What the space takes from the files beside its apps; nothing is said of those that say nothing. */
async function tellConfig(
  { link: { client }, terminal, root, apps, envFiles, into }: Development,
  tell: (news: News) => void,
  /** Also where there is nothing any more. */
  hasChanged = false,
): Promise<void> {
  for (const app of apps) {
    const values = into.fromFile?.[app.name] ?? {}
    if (Object.keys(values).length === 0 && !hasChanged) continue
    const file = envFiles.nameOf(app)
    const taken = await takenOver(client, { space: into.name, app: app.name }, values)
    tell({ type: 'env', app: app.name, file, ...taken })
    if (await isTracked(root, file))
      terminal.say(
        terminal.tint('yellow', `${file} is tracked by Git: whoever has the repository has what it says`),
      )
  }
}

/** Whoever is at an app keeps it awake. A platform that is away for a while is no end of it. */
async function attend(link: Link, space: string, apps: string[], signal: AbortSignal): Promise<void> {
  const say = () => link.client.spaces.attend({ space, apps }).catch(() => {})
  await say()
  const timer = setInterval(say, ATTEND_MS)
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}

async function leave({ link: { client }, terminal, apps, into: { name } }: Development): Promise<number> {
  const names = apps.map((app) => app.name)
  await client.spaces.stop({ space: name, apps: names })
  terminal.say(`Stopped ${names.join(', ')} in ${name}; calls for them go to the environment again.`)
  terminal.say(`tow dev goes on there, tow spaces remove ${name} ends it.`)
  return 130
}
