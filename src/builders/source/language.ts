import { createHash } from 'node:crypto'
import type { Runtime } from '../../api/app-spec.ts'
import type { BuildDeclaration, BuildWorkspace } from '../builder.ts'
import type { Component } from './sbom.ts'
import type { StepRunner } from './steps.ts'
import type { Toolbox } from './tools.ts'

/** The folder to build, both ways of naming it at hand. */
export interface Source {
  /** Absolute. */
  context: string
  /** Of the app in the context, `.` for the context itself. */
  path: string
  /** Absolute: the app's folder. */
  app: string
}

export interface LanguagePlan {
  because: string
  /** What decides the result beside the source: tools with versions, settings. */
  tools: Record<string, string>
  dependencyKey: string | null
  /** What the key is made of beside the tools, by names that people know. */
  dependencyParts?: Record<string, string>
  runtime: Runtime
  folder: string
  processes: Record<string, string>
}

/** What a language has at hand while it builds. */
export interface Work {
  source: Source
  declaration: BuildDeclaration
  workspace: BuildWorkspace
  dependencyKey: string | null
  toolbox: Toolbox
  steps: StepRunner
  /** The person's own caches, by the variable of the tool; every step has them already. */
  caches: Readonly<Record<string, string>>
}

export interface LanguageResult {
  dependencies: string | null
  app: string
  env: Record<string, string>
  /** What is in the dependency folder; asked for only where nobody remembers it. */
  dependencyComponents(): Promise<Component[]>
  /** What else is in the result, beside the dependency folder. */
  components?: Component[]
}

/** One language: recognised by files, planned without running anything of the app's, built by its own tools. */
export interface Language {
  name: string
  /** Null where the folder is not of this language. */
  plan(source: Source, declaration: BuildDeclaration, toolbox: Toolbox): Promise<LanguagePlan | null>
  build(work: Work): Promise<LanguageResult>
}

/** SHA-256 over plain data, the order of keys left as it is. */
export function keyOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
