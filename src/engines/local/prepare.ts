/** From the engine's words to the runner's: an artifact becomes a folder, variables and a PATH. Pure. */
import type { PreparedSet, Desired as RunnerDesired } from '../../runner/protocol.ts'
import type { Desired, DesiredSet } from '../engine.ts'

export interface Prepared {
  workspace: string
  /** Folder of the language runtime; null where none is needed. */
  runtimeFolder: string | null
}

type SetFacts = Pick<DesiredSet, 'id' | 'release' | 'artifact' | 'config'>

/** The config wins over what the artifact sets; in PATH the artifact's own folders come first, then the runtime. */
export function prepareSet(set: SetFacts, { workspace, runtimeFolder }: Prepared): PreparedSet {
  const { PATH = '$PATH', ...variables } = set.artifact.config.env
  const expanded = Object.entries(variables).map(([key, value]) => [
    key,
    value.replaceAll('$WORKSPACE', workspace),
  ])
  const folders = PATH.replaceAll('$WORKSPACE', workspace)
    .split(':')
    .filter((folder) => folder.startsWith('/'))
  return {
    id: set.id,
    release: set.release,
    workspace,
    env: { ...Object.fromEntries(expanded), ...set.config },
    path: [...folders, ...(runtimeFolder === null ? [] : [runtimeFolder])],
    artifact: set.artifact.digest,
  }
}

/** `prepared` by set id. */
export function prepareDesired(desired: Desired, prepared: ReadonlyMap<string, Prepared>): RunnerDesired {
  return {
    sets: desired.sets.map((set) => ({
      ...prepareSet(set, prepared.get(set.id)!),
      processes: set.processes,
      ...(set.live ? { live: set.live } : {}),
    })),
    split: desired.split,
    crons: desired.crons,
    ...(desired.restarts ? { restarts: desired.restarts } : {}),
    ...(desired.maintenance ? { maintenance: desired.maintenance } : {}),
    ...(desired.domains ? { domains: desired.domains.map(({ host }) => host) } : {}),
    ...(desired.overlay ? { overlay: desired.overlay } : {}),
  }
}
