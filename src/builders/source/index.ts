/**
 * Builds an app from its source with the tools of this machine: recognises the language by its files, runs that
 * language's own package client in a clean environment, and says what came out. It keeps no record, packs no image and
 * installs no toolchain (package managers of Node apart, which it fetches through npm at the pinned version).
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildDeclaration, Builder, SourceFolder } from '../builder.ts'
import { passedOn, personalCaches, personalSettings } from './environment.ts'
import { dependencyFacts } from './facts.ts'
import { go } from './go/index.ts'
import { keyOf, type Language, type Source } from './language.ts'
import { node } from './node/index.ts'
import { nativePlatforms, platformOf, thisPlatform } from './platform.ts'
import { python } from './python/index.ts'
import { ruby } from './ruby/index.ts'
import { writeSbom } from './sbom.ts'
import { staticSite } from './static/index.ts'
import { createStepRunner } from './steps.ts'
import { createToolbox } from './tools.ts'

/** Tells a process of a build from a later one with the same id, for whoever ends what a dead platform left. */
export { startTimeOf } from './steps.ts'

/** Changes whenever the same source and tools would give another result. */
const VERSION = 1

/** As Heroku asks them: a Rails or Django app may carry a package.json for its front end. */
const LANGUAGES: readonly Language[] = [ruby, python, go, node, staticSite]

export interface SourceBuilderOptions {
  /** Folders searched for toolchains, as in PATH. */
  toolPath: string
  /** The environment of the person who runs the platform; only what reaches package registries is passed on. */
  environment: Readonly<Record<string, string | undefined>>
  /** Their home, for the settings of package clients (.npmrc, pip.conf, .netrc, ...). */
  home?: string
}

/** The builder for source code. */
export function createSourceBuilder({ toolPath, environment, home }: SourceBuilderOptions): Builder {
  const settings = { ...personalSettings(home), ...passedOn(environment) }
  const toolbox = createToolbox(toolPath, settings)
  return {
    name: 'source',
    async plan(folder, declaration) {
      const source = sourceOf(folder)
      for (const language of candidates(declaration)) {
        const plan = await language.plan(source, declaration, toolbox)
        if (!plan) continue
        const { tools, dependencyParts = {}, ...rest } = plan
        const machine = await thisPlatform()
        return {
          language: language.name,
          key: keyOf([VERSION, language.name, tools, machine, plan.dependencyKey]),
          parts: { tools, dependencies: dependencyParts },
          ...rest,
        }
      }
      return null
    },
    async build(plan, folder, declaration, workspace, report, signal) {
      const language = LANGUAGES.find(({ name }) => name === plan.language)!
      await mkdir(workspace.cache, { recursive: true })
      const caches = personalCaches(home)
      const steps = createStepRunner({
        folder: workspace.folder,
        toolPath,
        environment: settings,
        caches,
        personalHome: home,
        report,
        signal,
      })
      const { dependencyKey } = plan
      const result = await language.build({
        source: sourceOf(folder),
        declaration,
        workspace,
        dependencyKey,
        toolbox,
        steps,
        caches,
      })
      signal.throwIfAborted()
      const facts = await dependencyFacts(workspace.cache, dependencyKey, result)
      const platform = platformOf(
        [...facts.platforms, ...(await nativePlatforms([result.app]))],
        await thisPlatform(),
      )
      return {
        dependencies: result.dependencies,
        app: result.app,
        env: result.env,
        platform,
        runtime: plan.runtime,
        sbom: writeSbom(language.name, [...facts.components, ...(result.components ?? [])]),
      }
    },
  }
}

function candidates({ builder }: BuildDeclaration): readonly Language[] {
  if (builder === 'auto' || builder === 'source') return LANGUAGES
  // A site may be what the build script of a package.json makes.
  if (builder === staticSite.name) return [node, staticSite]
  return LANGUAGES.filter(({ name }) => name === builder)
}

function sourceOf({ context, path }: SourceFolder): Source {
  return { context, path, app: path === '.' ? context : join(context, path) }
}
