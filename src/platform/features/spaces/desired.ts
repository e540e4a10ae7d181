/**
 * What an engine is told of one app in a space: artifact, config with its secrets and what needs inject are put in just
 * before, and kept nowhere. How traffic comes to it is said here alone.
 */
import type { Artifact, RunSpec } from '../../../api/app-spec.ts'
import type { LiveApp } from '../../../api/spaces.ts'
import type { Desired, DesiredSet, LiveSet, Overlay } from '../../../engines/engine.ts'
import type { Queries } from '../../kernel/database.ts'
import { debuggedProcesses } from './debugging.ts'
import type { Vault } from './index.ts'
import { refusals, said } from './messages.ts'
import { countsNow, defaultsOf, hasDatabase, setOf } from './rules.ts'
import { listInvitations, listOverrides, type SpaceAppRow, type SpaceRow } from './store.ts'
import { placeOf, revokedOf } from './tokens.ts'

export interface DesiredDependencies {
  db: Queries
  vault: Vault
  now: () => number
  /** Null where it is kept no longer. */
  artifact(digest: string): Promise<Artifact | null>
  /** Plain values and secrets in clear, for exactly these versions. */
  resolve(
    of: { app: string; environment: string },
    frozen: { plain: Record<string, string>; secrets: Record<string, number> },
  ): Promise<Record<string, string>>
  /** As in the environment: the same addresses, and the same database where the copy has none of its own. */
  needs(
    app: string,
    environment: string,
    needs: RunSpec['needs'],
    own?: { space: string; dump: string | null },
  ): Promise<Record<string, string>>
}

/** How the engine is to run it. */
function liveSet(live: LiveApp, run: RunSpec, { runtime }: Artifact): LiveSet {
  const { commands, reloading } = live
  const debugged = debuggedProcesses(run, live, runtime.name)?.commands
  return { commands: { ...commands, ...debugged }, reloading }
}

const CRON_GRACE_SECONDS = 30

export type DesiredMaker = ReturnType<typeof createDesiredMaker>

export function createDesiredMaker({ db, vault, now, artifact, resolve, needs }: DesiredDependencies) {
  async function overridesOf(space: SpaceRow, app: string): Promise<Record<string, string>> {
    const rows = await listOverrides(db, space.name, app)
    const secret = rows.filter((row) => row.value === null)
    const places = secret.map((row) => placeOf(space, `config:${app}:${row.key}`, row.version))
    const texts = await vault.open(db, places)
    return Object.fromEntries([
      ...rows.flatMap(({ key, value }) => (value === null ? [] : [[key, value]])),
      ...secret.map(({ key }, index) => [key, texts[index]!]),
    ])
  }

  /** A set without processes, for a job. */
  async function jobSet(space: SpaceRow, row: SpaceAppRow): Promise<Omit<DesiredSet, 'processes'>> {
    const { app, environment, run, plain, secrets, revision, live } = row
    const content = await artifact(row.artifact)
    if (!content) throw refusals.artifactGone(row)
    return {
      id: setOf(row),
      release: revision,
      artifact: content,
      config: {
        ...defaultsOf(run),
        ...(await resolve({ app, environment }, { plain, secrets })),
        ...(await overridesOf(space, app)),
        ...(await needs(
          app,
          environment,
          run.needs,
          hasDatabase(row) ? { space: space.name, dump: row.dump } : undefined,
        )),
        TOW_APP: app,
        TOW_ENVIRONMENT: environment,
        TOW_SPACE: space.name,
        TOW_RELEASE: setOf(row),
      },
      ...(live ? { live: liveSet(live, run, content) } : {}),
    }
  }

  async function desired(space: SpaceRow, row: SpaceAppRow): Promise<Desired> {
    const counts = countsNow(row)
    const id = setOf(row)
    const [key] = await vault.open(db, [placeOf(space, 'door')])
    const revoked = revokedOf(await listInvitations(db, space.name), now())
    const crons = row.with_crons && row.wanted === 'running' ? Object.entries(row.run.crons) : []
    const overlay: Overlay = {
      door: { key: key!, revoked },
      ...(space.banner ? { banner: said.banner(space.name, space.owner, space.environment) } : {}),
      ...(row.swap_until ? { swap: { until: row.swap_until.getTime() } } : {}),
    }
    // Its links lead to what is below.
    if (row.wanted === 'stopped') return { sets: [], split: [], crons: [], overlay }
    return {
      sets: [
        {
          ...(await jobSet(space, row)),
          processes: Object.fromEntries(
            Object.entries(row.run.processes).map(([name, spec]) => [
              name,
              { ...spec, count: counts[name] ?? 0 },
            ]),
          ),
        },
      ],
      // Also while it sleeps: whoever asks waits for it.
      split: [{ weights: (row.counts.web ?? 0) > 0 ? { [id]: 1 } : {} }],
      crons: crons.map(([name, cron]) => ({ ...cron, name, set: id, graceSeconds: CRON_GRACE_SECONDS })),
      overlay,
    }
  }

  return { desired, jobSet }
}
