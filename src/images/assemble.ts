/** From an artifact and a base to the documents of an image. Pure: the same two always give the same bytes. */
import type { Artifact } from '../api/app-spec.ts'
import type { Image } from './image.ts'
import { OWNER } from './layer.ts'
import { type Descriptor, type Encoded, encode, MEDIA } from './manifest.ts'
import { formatReference } from './reference.ts'

export interface Assembled {
  config: Encoded
  manifest: Encoded
}

/** The time of the files in our layers: a time of the build would give every build another digest. */
const CREATED = '1980-01-01T00:00:01Z'
/** By number, because Kubernetes can tell only of a number that it is not root. */
const USER = `${OWNER}:${OWNER}`
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export function assemble(artifact: Artifact, app: string, base: Image): Assembled {
  const { workdir } = artifact.config
  const annotations = annotationsOf(artifact, app, base)
  const web = artifact.run.processes.web?.command
  const config = encode(MEDIA.config, {
    created: CREATED,
    architecture: base.config.architecture,
    os: base.config.os,
    ...(base.config.variant !== undefined && { variant: base.config.variant }),
    config: {
      User: USER,
      Env: environmentOf(base.config.config?.Env ?? [], artifact.config.env, workdir),
      // Whoever starts a process names its command; this one is for those who start the image by hand.
      ...(web !== undefined && { Cmd: ['sh', '-c', web] }),
      WorkingDir: workdir,
      Labels: annotations,
    },
    rootfs: {
      type: 'layers',
      diff_ids: [...base.config.rootfs.diff_ids, ...artifact.layers.map(({ diffId }) => diffId)],
    },
    ...historyOf(artifact, base),
  })
  const manifest = encode(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: { mediaType: MEDIA.config, digest: config.digest, size: config.bytes.length },
    layers: [...base.manifest.layers.map(inOciWords), ...artifact.layers.map(descriptorOf)],
    annotations,
  })
  return { config, manifest }
}

const descriptorOf = ({ digest, size }: Artifact['layers'][number]): Descriptor => ({
  mediaType: MEDIA.gzipLayer,
  digest,
  size,
})

/** Docker's own words mean the same bytes; an OCI manifest names them by its own. */
function inOciWords({ mediaType, digest, size }: Descriptor): Descriptor {
  const words: Record<string, string> = {
    [MEDIA.dockerLayer]: MEDIA.layer,
    [MEDIA.dockerGzipLayer]: MEDIA.gzipLayer,
  }
  return { mediaType: words[mediaType] ?? mediaType, digest, size }
}

function annotationsOf(artifact: Artifact, app: string, { reference }: Image): Record<string, string> {
  return {
    'org.opencontainers.image.title': app,
    'org.opencontainers.image.base.name': formatReference({ ...reference, digest: null }),
    'org.opencontainers.image.base.digest': reference.digest!,
    'towpath.artifact': artifact.digest,
  }
}

/** The base's variables with the artifact's laid over them, in the order of their names. */
function environmentOf(
  base: readonly string[],
  { PATH: added = '$PATH', ...variables }: Record<string, string>,
  workdir: string,
): string[] {
  const merged = new Map(
    base
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  for (const [name, value] of Object.entries(variables))
    merged.set(name, value.replaceAll('$WORKSPACE', workdir))
  merged.set('PATH', added.replaceAll('$WORKSPACE', workdir).replaceAll('$PATH', merged.get('PATH') ?? PATH))
  return [...merged]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
}

/** Goes on where the base's ends; a base that tells none leaves nothing to go on from. */
function historyOf({ layers }: Artifact, { config, manifest }: Image): object {
  const told = config.history ?? []
  if (told.filter(({ empty_layer }) => !empty_layer).length !== manifest.layers.length) return {}
  const ours = layers.map(({ kind }) => ({ created: CREATED, created_by: `towpath: ${kind}` }))
  return { history: [...told, ...ours] }
}
