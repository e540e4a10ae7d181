import { lstat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Platform } from '../../api/app-spec.ts'
import { TowError } from '../../api/errors.ts'
import { type NativePlatform, platformsOfFile } from './binary.ts'
import { inParallel, walk } from './files.ts'

/** Never machine code, so not worth a look; most files of most apps. */
const TEXT = new Set(
  '.js .mjs .cjs .ts .mts .cts .tsx .jsx .json .map .md .markdown .txt .html .htm .css .scss .less .yml .yaml .toml .xml .svg .py .pyi .pyc .rb .erb .go .c .h .cc .cpp .hpp .png .jpg .jpeg .gif .webp .ico .woff .woff2 .ttf .lock .sql .csv .flow .sh .gemspec .rbs .tmpl'.split(
    ' ',
  ),
)
const LIBRARY = /\.(node|so|dylib)$|\.so\.[\d.]+$/

/** This machine, as its own Node tells it. */
export async function thisPlatform(): Promise<NativePlatform> {
  const [found] = await platformsOfFile(process.execPath)
  return found ?? { os: process.platform as 'linux' | 'darwin', arch: process.arch as 'x64' | 'arm64' }
}

/** Every platform that machine code below the folders is for. */
export async function nativePlatforms(folders: readonly string[]): Promise<NativePlatform[]> {
  const found = new Map<string, NativePlatform>()
  for (const folder of folders) {
    const files = (await walk(folder)).filter(
      ({ path, kind }) => kind === 'file' && !TEXT.has(extname(path).toLowerCase()),
    )
    await inParallel(files, async ({ path }) => {
      const file = join(folder, path)
      if (!LIBRARY.test(path) && ((await lstat(file)).mode & 0o111) === 0) return
      for (const platform of await platformsOfFile(file)) found.set(JSON.stringify(platform), platform)
    })
  }
  return [...found.entries()]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, platform]) => platform)
}

/**
 * Where all of it runs. Packages carry prebuilt code for several platforms: what fits this machine decides, the rest is
 * baggage. Throws REFUSED where several are found and none fits.
 */
export function platformOf(found: readonly NativePlatform[], machine: NativePlatform): Platform {
  if (found.length === 0) return 'any'
  const fitting = found.filter(
    ({ os, arch, libc }) =>
      os === machine.os && arch === machine.arch && (!libc || !machine.libc || libc === machine.libc),
  )
  const candidates = fitting.length > 0 ? fitting : found
  const places = new Set(candidates.map(({ os, arch }) => `${os}/${arch}`))
  const libcs = new Set(candidates.flatMap(({ libc }) => libc ?? []))
  if (places.size > 1 || libcs.size > 1) {
    throw new TowError(
      'REFUSED',
      `The build holds machine code for ${found.map(nameOf).join(', ')}, and none for this machine (${nameOf(machine)})`,
      { hint: 'Remove files of other machines from the repository, or let the build make them' },
    )
  }
  const [libc] = libcs
  const { os, arch } = candidates[0]!
  return { os, arch, ...(libc && { libc }) }
}

function nameOf({ os, arch, libc }: NativePlatform): string {
  return [os, arch, libc].filter(Boolean).join('/')
}

/** The platform of what lies below some folders. */
export async function findPlatform(...folders: string[]): Promise<Platform> {
  return platformOf(await nativePlatforms(folders), await thisPlatform())
}
