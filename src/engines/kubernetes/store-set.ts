/** A set as it is kept: its image in the registry, its config in the namespace. */
import type { DesiredSet, LiveSet, Target } from '../engine.ts'
import type { Cluster } from './cluster/connect.ts'
import { configName, putConfig } from './config-secrets.ts'
import type { ImageSource } from './images.ts'
import { imageIsFixed } from './messages.ts'
import { AGENT } from './programs.ts'
import type { TargetRecord } from './record.ts'
import { type StoredLive, type StoredSet, setsOf } from './stored.ts'

export interface StoreParts {
  cluster: Cluster
  platform: string
  images: ImageSource
}

/** `named` is told what will be kept while the image is still on its way, where it has to be sent at all. */
export async function storeSet(
  { cluster, platform, images }: StoreParts,
  target: Target,
  record: TargetRecord,
  set: Omit<DesiredSet, 'processes'>,
  processes: DesiredSet['processes'],
  named: (set: StoredSet) => void = () => {},
): Promise<StoredSet> {
  const { artifact, config, live } = set
  const isLive = live !== undefined && Object.keys(processes).length > 0
  if (isLive && artifact.image) throw imageIsFixed(target)
  const known = setsOf(record.stored).find((one) => one.id === set.id && one.artifact === artifact.digest)
  const name = configName(target, record.key, config)
  const follows = isLive ? (known?.live ?? (await liveBeside(images, live))) : null
  const storedAs = (image: string): StoredSet => ({
    id: set.id,
    release: set.release,
    image,
    ...(artifact.image && { foreign: artifact.image }),
    artifact: artifact.digest,
    trees: artifact.layers.filter((layer) => layer.kind === 'app').map((layer) => layer.tree),
    config: name,
    keys: Object.keys(config).sort(),
    needs: artifact.run.needs,
    ...(follows && { live: follows }),
    processes: isLive ? ownCommands(processes, live) : processes,
  })
  // What runs keeps its image: a base that has moved on is no reason to replace processes.
  if (known) named(storedAs(known.image))
  const [image] = await Promise.all([
    known?.image ?? images.reference(artifact, target, (reference) => named(storedAs(reference))),
    known?.config === name ? null : putConfig(cluster, { platform, target }, name, config),
  ])
  return storedAs(image)
}

async function liveBeside(images: ImageSource, { reloading }: LiveSet): Promise<StoredLive> {
  const command = ['node', `/workspace/${AGENT.entry}`]
  return { agent: await images.program(AGENT), command, reloading }
}

/** What takes the place of a process's own command while its files are somebody's. */
function ownCommands(processes: DesiredSet['processes'], { commands }: LiveSet): DesiredSet['processes'] {
  return Object.fromEntries(
    Object.entries(processes).map(([name, spec]) => [
      name,
      { ...spec, command: commands[name] ?? spec.command },
    ]),
  )
}
