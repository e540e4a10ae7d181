import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type NativePlatform, platformsOfFile } from './binary.ts'
import { findPlatform, platformOf, thisPlatform } from './platform.ts'
import { temporaryFolder } from './test-support.ts'

/** The least of an ELF file: its head, one segment that names an interpreter or needed libraries. */
function elf({ machine = 62, interpreter = '', needed = '', type = 3 } = {}): Buffer {
  const text = Buffer.from(`\0${interpreter || needed}\0`)
  const dynamic = Buffer.alloc(64)
  const tags: [number, number][] = [
    [1, 1],
    [5, 0x2000],
    [10, text.length],
    [0, 0],
  ]
  for (const [index, [tag, value]] of tags.entries()) {
    dynamic.writeBigInt64LE(BigInt(tag), index * 16)
    dynamic.writeBigUInt64LE(BigInt(value), index * 16 + 8)
  }
  const head = Buffer.alloc(64)
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0])
  head.writeUInt16LE(type, 16)
  head.writeUInt16LE(machine, 18)
  head.writeBigUInt64LE(64n, 32)
  head.writeUInt16LE(56, 54)
  head.writeUInt16LE(2, 56)
  const segment = (kind: number, offset: number, address: number, size: number) => {
    const bytes = Buffer.alloc(56)
    bytes.writeUInt32LE(kind, 0)
    bytes.writeBigUInt64LE(BigInt(offset), 8)
    bytes.writeBigUInt64LE(BigInt(address), 16)
    bytes.writeBigUInt64LE(BigInt(size), 32)
    return bytes
  }
  const at = 64 + 2 * 56
  const main = interpreter ? segment(3, at, 0, text.length) : segment(2, at + text.length, 0, needed ? 64 : 0)
  return Buffer.concat([head, main, segment(1, at, 0x2000, text.length), text, dynamic])
}

const mach = (cpu: number) => {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt32LE(0xfeedfacf, 0)
  bytes.writeUInt32LE(cpu, 4)
  return bytes
}

const universal = (...cpus: number[]) => {
  const bytes = Buffer.alloc(8 + Math.max(cpus.length * 20, 60))
  bytes.writeUInt32BE(0xcafebabe, 0)
  bytes.writeUInt32BE(cpus.length, 4)
  for (const [index, cpu] of cpus.entries()) bytes.writeUInt32BE(cpu, 8 + index * 20)
  return bytes
}

const LINUX: NativePlatform = { os: 'linux', arch: 'x64', libc: 'glibc' }

describe('the machine code in a file', () => {
  const MUSL = elf({ interpreter: '/lib/ld-musl-aarch64.so.1', machine: 183 })
  test.each<[string, Buffer, NativePlatform[]]>([
    ['a glibc program', elf({ interpreter: '/lib64/ld-linux-x86-64.so.2' }), [LINUX]],
    ['a musl program', MUSL, [{ os: 'linux', arch: 'arm64', libc: 'musl' }]],
    ['a glibc library', elf({ needed: 'libc.so.6' }), [LINUX]],
    [
      'a musl library',
      elf({ needed: 'libc.musl-x86_64.so.1' }),
      [{ os: 'linux', arch: 'x64', libc: 'musl' }],
    ],
    ['a static program', elf({ type: 2 }), [{ os: 'linux', arch: 'x64' }]],
    ['an object file', elf({ type: 1 }), []],
    ['a program of another processor', elf({ machine: 8 }), []],
    ['a macOS library', mach(0x0100000c), [{ os: 'darwin', arch: 'arm64' }]],
    [
      'a universal program',
      universal(0x01000007, 0x0100000c),
      [
        { os: 'darwin', arch: 'x64' },
        { os: 'darwin', arch: 'arm64' },
      ],
    ],
    ['a Java class', Buffer.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, ...Array(60).fill(0)]), []],
    ['text', Buffer.from('#!/bin/sh\necho this is long enough to be looked at\n'), []],
    ['nothing', Buffer.alloc(0), []],
    ['a head cut short', elf().subarray(0, 40), []],
    [
      'segments that lie',
      Buffer.concat([elf().subarray(0, 64), Buffer.alloc(20, 0xff)]),
      [{ os: 'linux', arch: 'x64' }],
    ],
  ])('%s', async (_, bytes, expected) => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, bytes)
    expect(await platformsOfFile(file)).toEqual(expected)
  })
})

describe('where an artifact runs', () => {
  test('anywhere, without machine code', () => {
    expect(platformOf([], LINUX)).toBe('any')
  })

  test('here, when prebuilt code for this machine is among that for others', () => {
    const found: NativePlatform[] = [
      { os: 'darwin', arch: 'arm64' },
      { os: 'linux', arch: 'x64', libc: 'musl' },
      LINUX,
      { os: 'linux', arch: 'x64' },
    ]
    expect(platformOf(found, LINUX)).toEqual(LINUX)
    expect(platformOf(found, { os: 'darwin', arch: 'arm64' })).toEqual({ os: 'darwin', arch: 'arm64' })
  })

  test('elsewhere, when all of it is for one other machine', () => {
    expect(platformOf([{ os: 'linux', arch: 'arm64' }], LINUX)).toEqual({ os: 'linux', arch: 'arm64' })
  })

  test('nowhere, when it is for several others', () => {
    expect(() =>
      platformOf(
        [
          { os: 'darwin', arch: 'arm64' },
          { os: 'linux', arch: 'arm64', libc: 'musl' },
        ],
        LINUX,
      ),
    ).toThrow(
      'The build holds machine code for darwin/arm64, linux/arm64/musl, and none for this machine (linux/x64/glibc)',
    )
  })

  test('only executable files and libraries count', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'data'), mach(0x0100000c))
    expect(await findPlatform(folder)).toBe('any')
    await writeFile(join(folder, 'addon.node'), mach(0x0100000c))
    expect(await findPlatform(folder)).toEqual({ os: 'darwin', arch: 'arm64' })
    await writeFile(join(folder, 'program'), elf({ interpreter: '/lib64/ld-linux-x86-64.so.2' }))
    await chmod(join(folder, 'program'), 0o755)
    if (process.platform === 'linux' && process.arch === 'x64')
      expect(await findPlatform(folder)).toMatchObject({ os: 'linux' })
  })

  test('this machine is known by its own Node', async () => {
    expect(await thisPlatform()).toMatchObject({ os: process.platform, arch: process.arch })
  })
})
