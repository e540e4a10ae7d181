/** What is asked for in the words of the chart. Pure. */
import type { Job, SplitRule } from '../../engine.ts'
import { jobKeyName, LABEL, routerSelector } from '../names.ts'
import { WEB } from '../plan.ts'
import type { KubernetesSettings } from '../settings.ts'
import type { Stored, StoredSet } from '../stored.ts'
import { setsOf } from '../stored.ts'

/** What every target of an engine has in common. */
export interface Surroundings {
  /** Id of the platform: what is not of it is not touched. */
  platform: string
  /** The environment's own namespace. */
  home: string
  /** What is rendered lies in another: that of a full space. */
  isApart: boolean
  /** Apps answer at `<app>.<domain>`; null: only calls from inside the cluster. */
  domain: string | null
  gateways: KubernetesSettings['gateways']
  /** The platform engineer's own values of the chart; theirs win over its defaults. */
  values: Record<string, unknown>
}

/** Where requests for an app are led, beside the way that the chart knows by itself. */
export interface Ways {
  /** The hop, and its port for the app, where calls between apps lead through it. */
  calls: { name: string; port: number } | null
  /** The hop, where whoever comes from outside comes through it. */
  edge: string | null
  /** Spaces lie over the environment: nobody from outside may claim to come from one. */
  spaces: boolean
}

/** Seconds between SIGTERM and SIGKILL of a command that was cancelled or has run out of time. */
const JOB_GRACE_SECONDS = 5

export function chartValues(stored: Stored, around: Surroundings, ways: Ways): object {
  const { desired, target } = stored
  const { domains = [] } = desired
  return {
    ...commonValues(stored, around),
    sets: Object.fromEntries(
      setsOf(stored).map((set) => [
        set.id,
        { ...setValues(set), processes: processValues(set, restartsOf(stored)) },
      ]),
    ),
    split: weightsOf(stored.split, setsOf(stored)),
    crons: Object.fromEntries(
      desired.crons.map(({ name, set, schedule, timezone, command, graceSeconds }) => [
        name,
        { set, schedule, timezone, command, graceSeconds },
      ]),
    ),
    route: {
      // Hosts of a space lead to the router, which knows them all.
      hostnames:
        around.domain === null || target.space !== undefined
          ? domains.map(({ host }) => host)
          : [`${target.app}.${around.domain}`, ...domains.map(({ host }) => host)],
      certificates: [...new Set(domains.flatMap(({ certificate }) => certificate ?? []))].sort(),
      gateways: around.gateways,
      closed: desired.closed,
      ...(stored.edge && { edge: stored.edge }),
      ...(ways.edge === null ? {} : { through: ways.edge }),
      ...(ways.spaces ? { removeHeaders: ['baggage'] } : {}),
    },
    ...(ways.calls === null
      ? {}
      : { calls: { selector: routerSelector(ways.calls.name), port: ways.calls.port } }),
  }
}

export function jobValues(stored: Stored, set: StoredSet, job: Job, around: Surroundings): object {
  const { key, process, command, stdin, tty, timeoutSeconds } = job
  return {
    ...commonValues(stored, around),
    sets: { [set.id]: setValues(set) },
    split: {},
    jobs: {
      [jobKeyName(key)]: {
        set: set.id,
        key,
        process,
        command,
        graceSeconds: JOB_GRACE_SECONDS,
        ...(stdin ? { stdin } : {}),
        ...(tty ? { tty } : {}),
        ...(timeoutSeconds ? { timeoutSeconds } : {}),
        ...resourceValues(job),
      },
    },
  }
}

function commonValues({ target }: Stored, around: Surroundings): Record<string, unknown> {
  const { platform, values, home, isApart } = around
  return {
    ...values,
    networkPolicy: {
      ...(values.networkPolicy as object | undefined),
      ...(isApart ? { routerNamespace: home } : { spacesOf: home }),
    },
    app: target.app,
    environment: target.environment,
    ...(target.space === undefined ? {} : { space: target.space }),
    labels: {
      ...(values.labels as object | undefined),
      [LABEL.managedBy]: 'towpath',
      [LABEL.platform]: platform,
    },
  }
}

function setValues({ image, release, config, needs, foreign, live }: StoredSet): Record<string, unknown> {
  return {
    image,
    release,
    config: [config],
    needs: needs.filter((need) => need !== 'postgres'),
    ...(foreign && { port: foreign.port, user: foreign.user }),
    ...(foreign?.group !== undefined && { group: foreign.group }),
    ...(live && { live: { agent: live.agent, command: live.command } }),
  }
}

function restartsOf({ desired: { restarts }, reroutes = 0 }: Stored): Record<string, number> {
  return reroutes === 0 ? restarts : { ...restarts, [WEB]: (restarts[WEB] ?? 0) + reroutes }
}

function processValues(set: StoredSet, restarts: Record<string, number>): object {
  return Object.fromEntries(
    Object.entries(set.processes).map(([name, spec]) => [
      name,
      {
        // What an image runs by itself needs no shell: it may have none.
        command: spec.command === set.foreign?.command ? '' : spec.command,
        count: spec.count,
        ...(spec.health === undefined ? {} : { health: spec.health }),
        bootSeconds: spec.bootSeconds,
        graceSeconds: spec.graceSeconds,
        ...(restarts[name] ? { restart: restarts[name] } : {}),
        ...(set.live?.reloading.includes(name) ? { reloads: true } : {}),
        ...resourceValues(spec),
      },
    ]),
  )
}

function resourceValues(asked: {
  cpuMillis?: number | undefined
  memoryMegabytes?: number | undefined
}): object {
  return {
    ...(asked.cpuMillis === undefined ? {} : { cpu: `${asked.cpuMillis}m` }),
    ...(asked.memoryMegabytes === undefined ? {} : { memory: `${asked.memoryMegabytes}Mi` }),
  }
}

/** The one rule that the Gateway carries: that for everybody. Only sets that are there can be named. */
function weightsOf(split: readonly SplitRule[], sets: readonly StoredSet[]): Record<string, number> {
  const rule = split.find((one) => one.match === undefined)
  const ids = new Set(sets.map((set) => set.id))
  return Object.fromEntries(Object.entries(rule?.weights ?? {}).filter(([id]) => ids.has(id)))
}
