/** The number of a user that an image tells by name: from its own /etc/passwd and /etc/group, the topmost of each. */
import tar from 'tar-stream'
import { type Image, readBlobFrom } from './image.ts'
import { unpack } from './look-inside.ts'
import type { Descriptor } from './manifest.ts'
import type { Registry } from './registry.ts'

/** Compressed; whoever has more above the last change of its users is told to write the number. */
const MOST_READ = 512 * 1024 ** 2
const LARGEST_FILE = 1024 ** 2
const WANTED = ['etc/passwd', 'etc/group'] as const
type Wanted = (typeof WANTED)[number]
/** Null: taken away in a layer above. */
type Found = Map<Wanted, string | null>

/** `101:102` for `nginx`, or for `nginx:nginx`; null where the image does not say. */
export async function numbersOf(
  registry: Registry,
  image: Image,
  signal?: AbortSignal,
): Promise<string | null> {
  const [user = '', group] = (image.config.config?.User ?? '').split(':')
  const found: Found = new Map()
  let read = 0
  for (const layer of image.manifest.layers.toReversed()) {
    if (WANTED.every((name) => found.has(name))) break
    read += layer.size
    if (read > MOST_READ) return null
    const blob = readBlobFrom(registry, image.reference.repository, layer.digest, signal)
    // What lies above counts.
    for (const [name, text] of await filesOf(blob, layer)) if (!found.has(name)) found.set(name, text)
  }
  return numbersIn(found.get('etc/passwd') ?? '', found.get('etc/group') ?? '', user, group)
}

/** The whole layer is read, so that its digest is compared. */
async function filesOf(content: AsyncIterable<Uint8Array>, { mediaType }: Descriptor): Promise<Found> {
  const found: Found = new Map()
  const extract = tar.extract()
  extract.on('entry', ({ name, type, size = 0 }, stream, next) => {
    const path = name.replace(/^\.?\//, '')
    const wanted = WANTED.find((one) => one === path)
    const gone = WANTED.find((one) => one.replace('etc/', 'etc/.wh.') === path)
    if (gone) found.set(gone, null)
    const parts: Buffer[] = []
    if (wanted && type === 'file' && size <= LARGEST_FILE) {
      stream.on('data', (part) => parts.push(part as Buffer))
      stream.on('end', () => found.set(wanted, Buffer.concat(parts).toString()))
    }
    stream.on('end', next)
    stream.resume()
  })
  await unpack(content, mediaType, extract)
  return found
}

const NUMBER = /^\d{1,9}$/

/** Pure. */
export function numbersIn(passwd: string, group: string, user: string, asked?: string): string | null {
  const account = rowsOf(passwd).find(([name]) => name === user)
  const uid = NUMBER.test(user) ? user : account?.[2]
  if (uid === undefined || !NUMBER.test(uid)) return null
  const named = rowsOf(group).find(([name]) => name === asked)
  const gid = asked === undefined ? account?.[3] : NUMBER.test(asked) ? asked : named?.[2]
  if (asked !== undefined && gid === undefined) return null
  return gid !== undefined && NUMBER.test(gid) ? `${uid}:${gid}` : uid
}

const rowsOf = (text: string) => text.split('\n').map((line) => line.split(':'))
