/** One build from its row to its artifact: effects in order, each of which may be cut off at any moment. */
import { mkdirSync } from 'node:fs'
import type { Artifact } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { Builder, BuildPlan, BuildResult, SourceFolder } from '../../../builders/builder.ts'
import { layOut } from '../../../trees/lay-out.ts'
import { subtree, type Tree } from '../../../trees/tree.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Queries } from '../../kernel/database.ts'
import type { Content } from '../content/index.ts'
import { runSpecOf } from '../manifests/index.ts'
import type { Dependencies } from './dependencies.ts'
import { type DigestLayer, keepFolder, layerOf, refuseSecrets } from './layers.ts'
import type { BuildOutput } from './log.ts'
import { refusals } from './messages.ts'
import { inputsOf, nameArtifact, pathInContext } from './rules.ts'
import type { StepRecorder } from './steps.ts'
import { type BuildRow, findResult, lastSucceeded } from './store.ts'
import { type Before, whyBuilt, whyInstalled } from './why.ts'
import type { WorkFolder } from './work.ts'

export interface Workshop {
  db: Queries
  content: Content
  clock: Clock
  builders: readonly Builder[]
  dependencies: Dependencies
  digestLayer: DigestLayer
  /** Kept between builds, handed to builders. */
  cache: string
}

export interface Job {
  row: BuildRow
  work: WorkFolder
  steps: StepRecorder
  output: BuildOutput
  secrets: Record<string, string>
  signal: AbortSignal
}

export interface Outcome {
  artifact: Artifact
  inputs: string
  parts: BuildPlan['parts']
  because: string
  /** The build that gave the artifact before; null where this one did. */
  reusedFrom: string | null
}

/** Throws what a person should read. Leaves the work folder to the caller. */
export async function runBuild(shop: Workshop, job: Job): Promise<Outcome> {
  const { row, work, steps, signal } = job
  const { declaration } = row
  const whole = await shop.content.completeTree(shop.db, row.tree)
  const context = subtree(whole, declaration.context)
  const path = pathInContext(declaration)
  steps.begin('Lay out the source')
  mkdirSync(work.folder, { recursive: true, mode: 0o755 })
  await layOut(context, shop.content.blobs, work.source, { signal })

  const source: SourceFolder = { context: work.source, path }
  const { builder, plan } = await planBuild(shop.builders, row, source)
  const run = runSpecOf(declaration, plan)
  const inputs = inputsOf(context.hash, path, declaration, builder.name, plan)
  if (!row.rebuild) {
    const known = await reusable(shop, inputs)
    if (known) {
      const short = known.artifact.digest.slice(0, 12)
      steps.begin('Build', { reused: `the same inputs gave the artifact ${short} before` })
      return { ...known, inputs, parts: plan.parts, because: plan.because }
    }
  }

  const before = await findBefore(shop, row)
  const now = { rebuild: row.rebuild, declaration, parts: plan.parts, context }
  const why = whyBuilt(now, before)
  const kept = plan.dependencyKey === null ? null : await findDependencies(shop, plan.dependencyKey, job)
  mkdirSync(work.workspace, { mode: 0o755 })
  mkdirSync(shop.cache, { recursive: true, mode: 0o755 })
  const workspace = {
    folder: work.workspace,
    cache: shop.cache,
    dependencies: kept?.folder ?? null,
    installs: whyInstalled(now, before),
    secrets: job.secrets,
  }
  const report = {
    step: (name: string, said: { reused?: string; because?: string } = {}) =>
      steps.begin(name, said.reused === undefined ? { because: said.because ?? why } : said),
    output: job.output.write,
    started: work.started,
  }
  const result = await builder.build(plan, source, declaration.build, workspace, report, signal)
  signal.throwIfAborted()

  steps.begin('Keep the result', { because: why })
  const artifact = await keepResult(shop, job, { plan, result, context, kept, run, path })
  return { artifact, inputs, parts: plan.parts, because: plan.because, reusedFrom: null }
}

/** What the app's last good build was made of, as far as it is still known. */
async function findBefore({ db, content }: Workshop, { app }: BuildRow): Promise<Before | null> {
  const last = await lastSucceeded(db, app)
  if (!last) return null
  const { declaration, parts, tree } = last
  try {
    const context = subtree(await content.completeTree(db, tree), declaration.context)
    return { declaration, parts, context }
  } catch (error) {
    if (error instanceof TowError) return { declaration, parts, context: null }
    throw error
  }
}

async function planBuild(
  builders: readonly Builder[],
  { app, declaration }: BuildRow,
  source: SourceFolder,
): Promise<{ builder: Builder; plan: BuildPlan }> {
  const asked = declaration.build.builder
  const named = builders.filter((builder) => builder.name === asked)
  for (const builder of named.length > 0 ? named : builders) {
    const plan = await builder.plan(source, declaration.build)
    if (plan) return { builder, plan }
  }
  throw asked === 'auto' ? refusals.notRecognised(app, declaration.path) : refusals.unknownBuilder(app, asked)
}

/** The artifact of the same inputs, if all of it is still there. */
async function reusable({ db, content }: Workshop, inputs: string) {
  const known = await findResult(db, inputs)
  if (!known) return null
  try {
    for (const { tree } of known.artifact.layers) await content.wholeTree(db, tree)
  } catch (error) {
    if (error instanceof TowError) return null
    throw error
  }
  if (!content.blobs.has(known.artifact.sbom)) return null
  return { artifact: known.artifact, reusedFrom: known.build }
}

function findDependencies({ dependencies, clock }: Workshop, key: string, { row, signal }: Job) {
  // Whoever asks to build anew doubts what was built before.
  return row.rebuild ? null : dependencies.find(key, clock.now(), signal)
}

interface Made {
  plan: BuildPlan
  result: BuildResult
  context: Tree
  kept: { folder: string; tree: Tree } | null
  run: Artifact['run']
  path: string
}

async function keepResult(shop: Workshop, job: Job, made: Made): Promise<Artifact> {
  const { plan, result, context, kept, run, path } = made
  const { content, db } = shop
  const { work, signal, row, secrets } = job
  const reused = kept !== null && result.dependencies === kept.folder
  const dependencies = reused
    ? kept.tree
    : result.dependencies === null
      ? null
      : await keepFolder(content, result.dependencies, signal)
  const app = await appTree(shop, work, result.app, context, path, signal)
  refuseSecrets(
    row.app,
    content,
    context,
    reused || !dependencies ? [app] : [app, dependencies],
    result.sbom,
    secrets,
  )

  const [lower, upper, sbom] = await Promise.all([
    dependencies &&
      layerOf({ db, content, digestLayer: shop.digestLayer }, 'dependencies', dependencies, signal),
    layerOf({ db, content, digestLayer: shop.digestLayer }, 'app', app, signal),
    content.blobs.add(Buffer.from(result.sbom)),
  ])
  if (plan.dependencyKey !== null && dependencies && !reused) {
    await shop.dependencies.keep(plan.dependencyKey, result.dependencies!, dependencies, shop.clock.now())
  }
  return nameArtifact({
    layers: lower ? [lower, upper] : [upper],
    config: { workdir: '/workspace', env: result.env },
    platform: result.platform,
    runtime: result.runtime,
    run,
    sbom: sbom.digest,
  })
}

/** A build that adds nothing names the source itself: its tree is known and is not read again. */
async function appTree(
  { content }: Workshop,
  work: WorkFolder,
  app: string,
  context: Tree,
  path: string,
  signal: AbortSignal,
): Promise<Tree> {
  const isSource = app === work.source || app === `${work.source}/${path}`
  if (!isSource) return keepFolder(content, app, signal)
  const tree = app === work.source ? context : subtree(context, path)
  await content.adopt(tree)
  return tree
}
