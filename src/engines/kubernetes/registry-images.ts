/** Images of artifacts in a registry that the nodes reach: pushed when they are first asked for. */
import type { Artifact } from '../../api/app-spec.ts'
import type { Bases, ImagePlatform, Images } from '../../images/index.ts'
import type { Check, ContentSource, Problem, Target } from '../engine.ts'
import { judgeImage } from './foreign-image.ts'
import type { ImageSource } from './images.ts'
import type { Program } from './programs.ts'

interface Push {
  /** Settles with the reference before anything is sent. */
  named: Promise<string>
  sent: Promise<string>
}

export interface RegistryImagesOptions {
  images: Images
  /** For images made elsewhere, which anybody may name who may ship. */
  lookUp: Images['resolve']
  /** `registry.example.com/team`: each app gets a repository of its own in it. */
  registry: string
  bases: Bases
  content: ContentSource
  /** Of the nodes. */
  platform(): Promise<ImagePlatform>
}

export function createRegistryImages(options: RegistryImagesOptions): ImageSource {
  const { images, registry, bases, content } = options
  /** A caller that lost patience finds its push again, and whoever asks for what is sent ahead. */
  const pushes = new Map<string, Push>()

  async function push(
    artifact: Artifact,
    { app }: Target,
    named: (reference: string) => void,
  ): Promise<string> {
    const { reference } = await images.push({
      artifact,
      app,
      entries: (tree) => content.tree(tree).then(({ entries }) => entries),
      readBlob: content.blobs.read,
      bases,
      platform: await options.platform(),
      repository: `${registry}/${app}`,
      named,
    })
    return reference
  }

  async function pushProgram({ name, files }: Program): Promise<string> {
    const { reference } = await images.program({
      name: `tow-${name}`,
      files: await files(),
      node: '>=22.18',
      bases,
      platform: await options.platform(),
      // No app's name has two hyphens.
      repository: `${registry}/tow--${name}`,
    })
    return reference
  }

  function once(key: string, push: (named: (reference: string) => void) => Promise<string>): Push {
    const known = pushes.get(key)
    if (known) return known
    const { promise: named, resolve } = Promise.withResolvers<string>()
    const made = { named, sent: push(resolve) }
    pushes.set(key, made)
    made.sent.finally(() => pushes.delete(key)).catch(() => {})
    return made
  }

  return {
    async reference(artifact, target, named) {
      if (artifact.image) return artifact.image.reference
      const made = once(`${target.app} ${artifact.digest}`, (told) => push(artifact, target, told))
      if (named) void made.named.then(named)
      return made.sent
    },
    program: (program) => once(`-- ${program.name}`, () => pushProgram(program)).sent,
    refuses: async (artifact) => images.refuses({ artifact, bases, platform: await options.platform() }),
    async adopt({ reference, port }) {
      const platform = await options.platform()
      const found = await options.lookUp(reference, platform)
      return { image: judgeImage({ ...found, name: reference }, port), platform }
    },
    runtimes: async () => [],
    async check() {
      const problems = await images.check(registry)
      // A name that leaves the version open can be judged only once an app needs one.
      const named = Object.values(bases).filter((name) => !name.includes('{'))
      // A cluster that does not answer has a line of its own.
      const platform = await options.platform().catch(() => null)
      const lacking = platform ? await Promise.all(named.map((name) => images.lacks(name, platform))) : []
      const missing = lacking.filter((problem) => problem !== null)
      return [
        ...checksOf('registry', problems, `${registry} takes what is pushed`),
        ...(named.length === 0 || !platform
          ? []
          : checksOf('base images', missing, `${named.join(', ')} can be had`)),
      ]
    },
  }
}

function checksOf(name: string, problems: Problem[], well: string): Check[] {
  if (problems.length === 0) return [{ name, ok: true, message: well }]
  return problems.map(({ message, hint }) => ({ name, ok: false, message, ...(hint ? { mend: hint } : {}) }))
}
