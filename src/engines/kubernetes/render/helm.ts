/**
 * Manifests of the chart, by the real `helm template`. The same inputs were rendered before? Then that: in memory, and
 * in a folder that survives, so that an engine that starts anew with a hundred apps does not render a hundred times.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { TowError } from '../../../api/errors.ts'
import type { KubeObject } from '../cluster/kinds.ts'
import { shapeOf } from './shape.ts'

export interface RenderOptions {
  /** Folder of the chart. */
  chart: string
  /** Where what was rendered is kept. */
  cache: string
  /** Folders with colons between, where helm is looked for. */
  path: string
}

export interface RenderInput {
  /** Name of the Helm release: the app. */
  name: string
  namespace: string
  values: object
}

export interface Renderer {
  render(input: RenderInput): Promise<KubeObject[]>
  version(): Promise<string>
}

/** Helm takes a cluster that it is not shown for one of its own day, which may be older than the chart allows. */
const OLDEST_KUBERNETES = '1.30.0'
const TIMEOUT = 30_000
const KEPT_IN_MEMORY = 200
const KEPT_MILLISECONDS = 30 * 24 * 3_600_000

export function createRenderer(options: RenderOptions): Renderer {
  const kept = new Map<string, Promise<KubeObject[]>>()
  let chartDigest: Promise<string> | null = null

  async function digest({ name, namespace, values }: RenderInput): Promise<string> {
    chartDigest ??= digestOfFolder(options.chart)
    return hash([await chartDigest, name, namespace, JSON.stringify(values)])
  }

  async function render(input: RenderInput): Promise<KubeObject[]> {
    const { values, fill } = shapeOf(input.values)
    const shaped = { ...input, values }
    const key = await digest(shaped)
    let made = kept.get(key)
    if (!made) {
      made = readOrRender(key, shaped)
      kept.set(key, made)
      made.catch(() => kept.delete(key))
      if (kept.size > KEPT_IN_MEMORY) kept.delete(kept.keys().next().value as string)
    }
    return fill(await made)
  }

  async function readOrRender(key: string, input: RenderInput): Promise<KubeObject[]> {
    const file = join(options.cache, `${key}.json`)
    const before = await readFile(file, 'utf8').catch(() => null)
    if (before !== null) return JSON.parse(before) as KubeObject[]
    const objects = await template(input)
    await mkdir(options.cache, { recursive: true, mode: 0o700 })
    const draft = `${file}.${randomBytes(4).toString('hex')}`
    await writeFile(draft, JSON.stringify(objects), { mode: 0o600 })
    await rename(draft, file)
    void forgetOld(options.cache).catch(() => {})
    return objects
  }

  async function template({ name, namespace, values }: RenderInput): Promise<KubeObject[]> {
    const work = promisify(execFile)(
      findHelm(options.path),
      [
        ...['template', name, options.chart, '--namespace', namespace, '--values', '-', '--skip-tests'],
        ...['--kube-version', OLDEST_KUBERNETES],
      ],
      // A name of its own for everything that helm would keep or read: repositories and plugins are none of ours.
      {
        timeout: TIMEOUT,
        maxBuffer: 64 << 20,
        env: { PATH: options.path, HELM_NO_PLUGINS: '1', HOME: options.cache },
      },
    )
    work.child.stdin?.on('error', () => {})
    work.child.stdin?.end(JSON.stringify(values))
    try {
      const { stdout } = await work
      return parseAllDocuments(stdout)
        .map((document) => document.toJS() as KubeObject | null)
        .filter((object) => object !== null)
    } catch (error) {
      const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message
      throw new TowError('FAILED', `the chart cannot be rendered for ${name}: ${said}`)
    }
  }

  return {
    render,
    async version() {
      const { stdout } = await promisify(execFile)(findHelm(options.path), ['version', '--short'], {
        timeout: TIMEOUT,
        env: { PATH: options.path, HOME: options.cache },
      })
      return stdout.trim()
    },
  }
}

export function findHelm(path: string): string {
  for (const folder of path.split(':')) {
    const program = join(folder, 'helm')
    if (folder.startsWith('/') && existsSync(program)) return program
  }
  throw new TowError(
    'REFUSED',
    'helm is not on the PATH, and the Kubernetes engine renders its chart with it',
    {
      hint: 'install Helm 3 or 4 (https://helm.sh/docs/intro/install), then tow down && tow up',
    },
  )
}

async function digestOfFolder(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).sort()
  const parts: string[] = []
  for (const name of names) {
    const path = join(folder, name)
    if ((await stat(path)).isFile()) parts.push(name, await readFile(path, 'utf8'))
  }
  return hash(parts)
}

function hash(parts: string[]): string {
  const made = createHash('sha256')
  for (const part of parts) made.update(`${part.length}:`).update(part)
  return made.digest('hex').slice(0, 32)
}

async function forgetOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const { mtimeMs } = await stat(join(folder, name))
    if (Date.now() - mtimeMs > KEPT_MILLISECONDS) await rm(join(folder, name), { force: true })
  }
}
