/**
 * Everything the platform can do: one table that the server implements, the client speaks, the documentation prints
 * and the permission test walks. Shapes only; nothing here does anything.
 */
import { apps } from './apps.ts'
import { builds } from './builds.ts'
import { config } from './config.ts'
import { delivery } from './delivery.ts'
import { domains } from './domains.ts'
import { drains } from './drains.ts'
import { drift } from './drift.ts'
import { dumps } from './dumps.ts'
import { environments } from './environments.ts'
import { events } from './events.ts'
import { git } from './git.ts'
import { needs } from './needs.ts'
import { access, people, teams, tokens } from './people.ts'
import { pipelines } from './pipelines.ts'
import { processes } from './processes.ts'
import { releases } from './releases.ts'
import { rollouts } from './rollouts.ts'
import { ships } from './ships.ts'
import { signIn } from './sign-in.ts'
import { spaces } from './spaces.ts'
import { system } from './system.ts'
import { trees } from './trees.ts'

export const contract = {
  access,
  apps,
  builds,
  config,
  delivery,
  domains,
  drains,
  dumps,
  drift,
  environments,
  events,
  git,
  needs,
  people,
  pipelines,
  processes,
  releases,
  rollouts,
  ships,
  signIn,
  spaces,
  system,
  teams,
  tokens,
  trees,
}
export type Contract = typeof contract
