import { type FileHandle, open } from 'node:fs/promises'
import type { Platform } from '../../api/app-spec.ts'

export type NativePlatform = Exclude<Platform, 'any'>

const ELF_MACHINES: Record<number, NativePlatform['arch']> = { 62: 'x64', 183: 'arm64' }
const MACH_CPUS: Record<number, NativePlatform['arch']> = { 16777223: 'x64', 16777228: 'arm64' }
const EXECUTABLE = 2
const SHARED_OBJECT = 3
const LINUX_OS_ABIS = new Set([0, 3])

/** Where the machine code in a file runs: one platform, several (a universal Mach-O), or none for anything else. */
export async function platformsOfFile(file: string): Promise<NativePlatform[]> {
  const handle = await open(file, 'r')
  try {
    const head = await readAt(handle, 0, 64)
    if (head.length < 32) return []
    if (head.readUInt32BE(0) === 0x7f454c46) return await elf(handle, head)
    return await machO(handle, head)
  } finally {
    await handle.close()
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  if (length <= 0 || length > 16 * 1024 * 1024) return Buffer.alloc(0)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** Only 64-bit little-endian ELF: no other runs Node, Python or Ruby where apps are shipped. */
async function elf(handle: FileHandle, head: Buffer): Promise<NativePlatform[]> {
  if (head.length < 64 || head[4] !== 2 || head[5] !== 1 || !LINUX_OS_ABIS.has(head[7]!)) return []
  const type = head.readUInt16LE(16)
  const arch = ELF_MACHINES[head.readUInt16LE(18)]
  if (arch === undefined || (type !== EXECUTABLE && type !== SHARED_OBJECT)) return []
  const size = head.readUInt16LE(54)
  const count = head.readUInt16LE(56)
  const table = await readAt(handle, Number(head.readBigUInt64LE(32)), size * count)
  const segments = Array.from({ length: size > 0 ? Math.floor(table.length / size) : 0 }, (_, index) => {
    const at = index * size
    return {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      size: Number(table.readBigUInt64LE(at + 32)),
    }
  })
  const libc = (await interpreterLibc(handle, segments)) ?? (await neededLibc(handle, segments))
  return [{ os: 'linux', arch, ...(libc && { libc }) }]
}

interface Segment {
  type: number
  offset: number
  address: number
  size: number
}

const LOAD = 1
const DYNAMIC = 2
const INTERPRETER = 3

async function interpreterLibc(
  handle: FileHandle,
  segments: Segment[],
): Promise<NativePlatform['libc'] | null> {
  const segment = segments.find(({ type }) => type === INTERPRETER)
  if (!segment) return null
  return libcOf((await readAt(handle, segment.offset, Math.min(segment.size, 4096))).toString('latin1'))
}

/** Shared objects name no interpreter, but the libraries that they need. */
async function neededLibc(handle: FileHandle, segments: Segment[]): Promise<NativePlatform['libc'] | null> {
  const segment = segments.find(({ type }) => type === DYNAMIC)
  if (!segment) return null
  const table = await readAt(handle, segment.offset, segment.size)
  const needed: number[] = []
  let strings = 0
  let stringsSize = 0
  for (let at = 0; at + 16 <= table.length; at += 16) {
    const tag = Number(table.readBigInt64LE(at))
    const value = Number(table.readBigUInt64LE(at + 8))
    if (tag === 0) break
    if (tag === 1) needed.push(value)
    if (tag === 5) strings = value
    if (tag === 10) stringsSize = value
  }
  const home = segments.find(
    ({ type, address, size }) => type === LOAD && strings >= address && strings < address + size,
  )
  if (!home) return null
  const names = await readAt(handle, strings - home.address + home.offset, stringsSize)
  for (const offset of needed) {
    const end = names.indexOf(0, offset)
    const libc = libcOf(names.toString('latin1', offset, end === -1 ? undefined : end))
    if (libc) return libc
  }
  return null
}

function libcOf(name: string): NativePlatform['libc'] | null {
  if (/ld-musl|libc\.musl/.test(name)) return 'musl'
  if (/ld-linux|libc\.so\.6/.test(name)) return 'glibc'
  return null
}

async function machO(handle: FileHandle, head: Buffer): Promise<NativePlatform[]> {
  const darwin = (cpu: number): NativePlatform[] => {
    const arch = MACH_CPUS[cpu]
    return arch ? [{ os: 'darwin', arch }] : []
  }
  if (head.readUInt32LE(0) === 0xfeedfacf) return darwin(head.readUInt32LE(4))
  const architectures = head.readUInt32BE(4)
  // Java classes begin with the same number; theirs is followed by a version far above any count of architectures.
  if (head.readUInt32BE(0) !== 0xcafebabe || architectures === 0 || architectures > 8) return []
  const table = await readAt(handle, 8, architectures * 20)
  return Array.from({ length: Math.floor(table.length / 20) }, (_, index) =>
    darwin(table.readUInt32BE(index * 20)),
  ).flat()
}
