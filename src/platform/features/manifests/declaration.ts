import type { CronSpec, ProcessSpec, VariableSpec } from '../../../api/app-spec.ts'
import type { BuildDeclaration } from '../../../builders/builder.ts'

/** A process as its files declare it; what is not said gets its default when the release is made. */
export type DeclaredProcess = { [K in keyof ProcessSpec]?: ProcessSpec[K] }

/** What the files of one app say, before anything is built. Paths are relative to the root of the tree. */
export interface AppDeclaration {
  name: string
  /** What belongs to the app, `.` for the root. */
  path: string
  /** What its build may read: `path` or a folder above it. */
  context: string
  owner?: string
  build: BuildDeclaration
  run: {
    processes: Record<string, DeclaredProcess>
    releaseCommand?: string
    crons: Record<string, CronSpec>
    variables: Record<string, VariableSpec>
    needs: string[]
  }
  dev: {
    command?: string
    sync?: string[]
    restart?: boolean | string[]
    ignore: string[]
  }
  /** How many of each process to start with; no part of a release. */
  counts: Record<string, number>
  /** By environment, then process. */
  perEnvironment: Record<string, { processes: Record<string, { count: number }> }>
  /** The files that said so, e.g. `tow.yaml`, `Procfile`. */
  sources: string[]
}

/** Something wrong, or ignored, in a file. Lines and columns count from 1. */
export interface Problem {
  file: string
  line?: number
  column?: number
  message: string
  hint?: string
}

export interface Manifests {
  apps: AppDeclaration[]
  /** Nothing may ship while there are any. */
  problems: Problem[]
  /** What was understood and deliberately left out, for the person to know. */
  notes: Problem[]
}

/** What one of Heroku's files (`Procfile`, `app.json`) says about an app. */
export interface PartialDeclaration {
  processes: Record<string, DeclaredProcess>
  releaseCommand?: string
  crons: Record<string, CronSpec>
  variables: Record<string, VariableSpec>
  needs: string[]
  counts: Record<string, number>
}

/** A declaration that says nothing. */
export function emptyDeclaration(): PartialDeclaration {
  return { processes: {}, crons: {}, variables: {}, needs: [], counts: {} }
}
