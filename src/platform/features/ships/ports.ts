/** What deliveries need of features and engines that are wired elsewhere. */
import type { Artifact, Origin, RunSpec } from '../../../api/app-spec.ts'
import type { Rollout } from '../../../api/rollouts.ts'
import type { IntoSpace } from '../../../api/spaces.ts'
import type { AdoptedImage, AskedImage } from '../../../engines/engine.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Change, Queries, Within } from '../../kernel/database.ts'

export interface Refusal {
  message: string
  hint?: string | undefined
}

/** What of a delivery into a space is remembered until its apps are built; it holds no secret. */
export type Into = Pick<IntoSpace, 'name' | 'with' | 'crons' | 'release' | 'live'> & {
  /** Not there in deliveries from before there were any. */
  ownDatabases?: boolean | undefined
}

export interface Delivery {
  app: string
  environment: string
  /** Into a space over the environment, and from which source; null for a release. */
  into: Into | null
  source: { tree: string; path: string; context: string }
  content: Artifact
  run: RunSpec
  counts: Record<string, number>
  reason: 'ship'
  description: string
  origin: Origin
  by: string
  whenBusy: 'supersede' | 'queue'
}

export interface ShipPorts {
  environments: {
    /** In the order of the pipeline. */
    list(db: Queries | Within): Promise<{ name: string }[]>
    get(db: Queries | Within, name: string): Promise<{ name: string }>
  }
  apps: {
    /** Makes it known. Refused where whoever acts may not change it there, or not give it to this owner. */
    ensure(
      change: Change,
      actor: Actor,
      app: { name: string; owner: string | null; environment: string },
    ): Promise<unknown>
  }
  /**
   * Every reason why the app can't run in the environment: config and needs that are missing. `together`: apps of the
   * same delivery. Asked with an empty run spec but variables and needs before anything is built.
   */
  refusals(
    change: Change,
    app: { app: string; environment: string; into: Into | null; run: RunSpec },
    together: readonly string[],
  ): Promise<Refusal[]>
  /** Why the engine of the environment can't run the artifact; null where it can. */
  unfit(environment: string, artifact: Artifact): Promise<Refusal | null>
  /** The engine may begin to bring it there; what goes wrong is told when it is asked for. */
  sendAhead(environment: string, app: string, artifact: Artifact): void
  /** An image that was made elsewhere, judged by the engine of the environment; refused where it cannot run there. */
  adopt(environment: string, image: AskedImage): Promise<AdoptedImage>
  /** The release that serves, if delivering this would make the very same again and nothing else is on its way. */
  serving(change: Change, delivery: Delivery): Promise<number | null>
  deliver(
    change: Change,
    delivery: Delivery,
    together: readonly string[],
  ): Promise<{ release: { number: number }; rollout: string }>
  rollouts: {
    /** Those that there are of these. */
    find(db: Queries | Within, ids: readonly string[]): Promise<Rollout[]>
    /** Gives a rollout up; nothing happens where it is over. */
    abort(change: Change, id: string, actor: Actor): Promise<unknown>
  }
  /** Where people reach the app; empty where nobody knows yet. */
  urls(app: string, environment: string, space: string | null): Promise<string[]>
  spaces: {
    /** The environment that a space lies over; null where there is none of that name. */
    environmentOf(db: Queries | Within, name: string): Promise<string | null>
    /** UNSUPPORTED where the engine of the environment can hold none. */
    require(environment: string): Promise<void>
    /** Makes the space, or changes it as it is asked for. */
    prepare(
      change: Change,
      actor: Actor,
      asked: IntoSpace & { environment: string; apps: readonly string[] },
    ): Promise<Into>
  }
}
