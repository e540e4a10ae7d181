/** Which C library and which languages the files of a base image hold: by their names, read once per base. */
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import tar from 'tar-stream'
import type { Inside } from './base.ts'
import { type Image, readBlobFrom } from './image.ts'
import type { Descriptor } from './manifest.ts'
import type { Registry } from './registry.ts'

/** Reads every layer of the base from its registry. */
export async function lookInside(registry: Registry, base: Image, signal?: AbortSignal): Promise<Inside> {
  const names: string[] = []
  for (const layer of base.manifest.layers) {
    const content = readBlobFrom(registry, base.reference.repository, layer.digest, signal)
    await listFiles(content, layer, (name) => names.push(name))
  }
  return factsOf(names)
}

async function listFiles(
  content: AsyncIterable<Uint8Array>,
  { mediaType }: Descriptor,
  found: (name: string) => void,
): Promise<void> {
  const extract = tar.extract()
  extract.on('entry', ({ name }, stream, next) => {
    found(name.replace(/^\.?\//, ''))
    stream.on('end', next)
    stream.resume()
  })
  await unpack(content, mediaType, extract)
}

/** A layer as it travels, into what reads its files. */
export async function unpack(
  content: AsyncIterable<Uint8Array>,
  mediaType: string,
  extract: tar.Extract,
): Promise<void> {
  if (/gzip$/.test(mediaType)) await pipeline(content, createGunzip(), extract)
  else if (/zstd$/.test(mediaType)) await pipeline(content, createZstdDecompress(), extract)
  else await pipeline(content, extract)
}

const GLIBC = /(?:^|\/)ld-linux[\w-]*\.so\.\d+$/
const MUSL = /(?:^|\/)ld-musl-[\w-]+\.so\.\d+$/
const NODE = /^usr\/(?:local\/)?bin\/node$/
const PYTHON = /^usr\/(?:local\/)?bin\/python(3\.\d+)$/
const RUBY = /^usr\/(?:local\/)?lib\/(?:\w[\w-]*\/)?ruby\/(?:gems\/)?(\d+\.\d+)\.0\/?/

/** From the names of all files, relative to the root. Pure. */
export function factsOf(names: readonly string[]): Inside {
  const libcs = new Set<string>()
  const versions: Inside['versions'] = {}
  for (const name of names) {
    if (GLIBC.test(name)) libcs.add('glibc')
    else if (MUSL.test(name)) libcs.add('musl')
    else if (NODE.test(name)) versions.node = ''
    else {
      const [python, ruby] = [PYTHON.exec(name)?.[1], RUBY.exec(name)?.[1]]
      if (python) versions.python = python
      if (ruby) versions.ruby = ruby
    }
  }
  return { libcs: [...libcs].sort(), versions }
}
