/**
 * The builder port: from a folder of source to the folders of an artifact. A builder detects, runs tools and says what
 * came out; it stores nothing, numbers nothing and knows no environment.
 */
import type { Platform, Runtime } from '../api/app-spec.ts'

/** What the app declares about its build, read from tow.yaml, app.json or nothing at all. */
export interface BuildDeclaration {
  /** `auto` or a builder's name. */
  builder: string
  /** Replaces the build step that would be detected. */
  command?: string
  /** Names of secrets that the build command may read from its environment. */
  secrets: string[]
  /** Static sites: unknown paths answer with index.html. */
  spa?: boolean
  /** The app says itself how it starts, so a build script alone does not make it a static site. */
  startsItself?: boolean
  /** It runs from its source, with the packages that are for development alone; nothing that a script would make of it. */
  development?: boolean
}

export interface SourceFolder {
  /** Absolute; what the build may read (a workspace's root). Only read: builds work on a copy. */
  context: string
  /** Of the app inside the context, `.` for the context itself. */
  path: string
}

/** What will be done, known before anything runs. Two plans with one key and one source give one result. */
export interface BuildPlan {
  /** `node`, `python`, `go`, `ruby`, `static`. */
  language: string
  /** One sentence: what was recognised, by which file. */
  because: string
  /** Everything beside the source that decides the result: tool versions, platform, builder version. */
  key: string
  /** Decides the dependency layer alone: lockfile digest + toolchain; null where there is none to reuse. */
  dependencyKey: string | null
  /**
   * What the keys are made of, by names that people know: versions of tools, and digests of `package-lock.json` and the
   * like. It decides nothing; kept, it tells later why nothing could be reused.
   */
  parts: { tools: Record<string, string>; dependencies: Record<string, string> }
  runtime: Runtime
  /** Where commands start inside the workspace: the app's folder where a whole workspace is kept, else `.`. */
  folder: string
  /** Commands the source implies; the app's own declarations win over them. */
  processes: Record<string, string>
}

export interface BuildWorkspace {
  /** Empty, writable, removed by the caller when the build is over. */
  folder: string
  /** Kept between builds; shared, safe for several at once. */
  cache: string
  /** A dependency folder made earlier under the same `dependencyKey`, to be used as it is. */
  dependencies: string | null
  /** Why there is none, one sentence; for the steps that make it. */
  installs: string
  secrets: Record<string, string>
}

export interface BuildReport {
  /** A step begins; `reused` says why it is not run, `because` why it is, where it might have been reused. */
  step(name: string, options?: { reused?: string; because?: string }): void
  /** As the tools wrote it: whoever keeps or shows it blanks out the secrets. */
  output(text: string): void
  /** The group of processes that now works for the build, so that it can be ended if the platform dies. */
  started(process: { pid: number; startTime: string }): void
}

export interface BuildResult {
  /**
   * Folders whose content becomes the layers; laid over each other in `/workspace`, `app` on top. `app` is the source
   * folder itself where the build has nothing to add: read it, never move it.
   */
  dependencies: string | null
  app: string
  env: Record<string, string>
  platform: Platform
  runtime: Runtime
  /** CycloneDX 1.6 JSON, the same bytes for the same inputs. */
  sbom: string
}

export interface Builder {
  readonly name: string
  /** Null when this builder does not recognise the folder. Throws TowError with the way out for a missing toolchain. */
  plan(source: SourceFolder, declaration: BuildDeclaration): Promise<BuildPlan | null>
  build(
    plan: BuildPlan,
    source: SourceFolder,
    declaration: BuildDeclaration,
    workspace: BuildWorkspace,
    report: BuildReport,
    signal: AbortSignal,
  ): Promise<BuildResult>
}
