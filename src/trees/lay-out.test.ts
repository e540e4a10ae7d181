import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createBlobStore } from './blob-store.ts'
import { layOut } from './lay-out.ts'
import { storeFolder } from './store-folder.ts'
import { type Files, refusalOf, temporaryFolder, writeFiles } from './test-support.ts'
import { makeTree } from './tree.ts'

const FILES: Files = {
  'package.json': '{}',
  'bin/run': ['#!/bin/sh\n', '755'],
  'node_modules/.bin/tool': ['../tool/cli.js', 'link'],
  'node_modules/tool/cli.js': ['tool', '755'],
  'node_modules/tool/README.md': 'a',
  'node_modules/tool/readme.md': 'b',
  '.env': 'kept: no rules apply to what a build made',
  'large.bin': Buffer.alloc(2 * 1024 ** 2 + 1, 'large'),
  'ünï/cafe\u0301': 'decomposed',
  empty: '',
}

async function stored(files: Files = FILES) {
  const store = createBlobStore(temporaryFolder())
  const source = writeFiles(temporaryFolder(), files)
  return { store, source, ...(await storeFolder(source, store)) }
}

describe('laying out refuses', () => {
  it('a folder that holds something, and touches nothing in it', async () => {
    const { store, tree } = await stored({ a: '1' })
    const folder = writeFiles(temporaryFolder(), { mine: 'x' })
    expect((await refusalOf(() => layOut(tree, store, folder))).message).toMatch(/is not empty/)
    expect((await refusalOf(() => layOut(tree, store, join(folder, 'mine')))).code).toBe('CONFLICT')
    expect(readdirSync(folder)).toEqual(['mine'])
  })

  it.each(['small', 'large.bin'])(
    'a blob that is missing or damaged (%s), and leaves nothing behind',
    async (name) => {
      const { store, tree } = await stored({ ...FILES, small: 'small' })
      const { digest } = tree.entries.find(({ path }) => path === name)!
      const parent = temporaryFolder()
      chmodSync(store.path(digest), 0o644)
      writeFileSync(store.path(digest), 'evil')
      expect((await refusalOf(() => layOut(tree, store, join(parent, 'out')))).message).toMatch(
        /was damaged on disk/,
      )
      expect((await refusalOf(() => layOut(tree, store, join(parent, 'out')))).code).toBe('NOT_FOUND')
      expect(readdirSync(parent)).toEqual([])
    },
  )

  it('paths and links that would write outside, whoever made the tree', async () => {
    const { store } = await stored({ a: '1' })
    const { digest } = await store.add(Buffer.from('../../outside'))
    const parent = temporaryFolder()
    const link = { path: 'l', mode: 'link' as const, digest, size: 13 }
    const climbing = makeTree([{ ...link, path: '../x', mode: '644' }])
    expect((await refusalOf(() => layOut(climbing, store, join(parent, 'out')))).message).toMatch(/leads out/)
    expect((await refusalOf(() => layOut(makeTree([link]), store, join(parent, 'out')))).message).toMatch(
      /outside of/,
    )
    const through = makeTree([link, { ...link, path: 'l/x', mode: '644' }])
    expect((await refusalOf(() => layOut(through, store, join(parent, 'out')))).message).toMatch(
      /both a file and a folder/,
    )
    expect(readdirSync(parent)).toEqual([])
  })
})

describe('a tree that is laid out', () => {
  it('equals the folder that was stored: bytes, modes, links, odd names', async () => {
    const { store, source, tree, leftOut } = await stored()
    const folder = join(temporaryFolder(), 'not/yet/there')
    await layOut(tree, store, folder)
    execFileSync('diff', ['-r', source, folder])
    expect(leftOut).toEqual([])
    expect((await storeFolder(folder, store)).tree).toEqual(tree)
    expect(readlinkSync(join(folder, 'node_modules/.bin/tool'))).toBe('../tool/cli.js')
    expect(statSync(join(folder, 'bin/run')).mode & 0o777).toBe(0o755)
    expect(readdirSync(join(folder, '..'))).toEqual(['there'])
  })

  it('has its modes whatever the umask, and may be changed without changing the blob', async () => {
    const { store, tree } = await stored()
    const folder = join(temporaryFolder(), 'out')
    const umask = process.umask(0o077)
    await layOut(tree, store, folder).finally(() => process.umask(umask))
    for (const path of ['', 'node_modules', 'node_modules/.bin']) {
      expect(statSync(join(folder, path)).mode & 0o777).toBe(0o755)
    }
    for (const path of ['package.json', 'large.bin', 'empty'])
      expect(statSync(join(folder, path)).mode & 0o777).toBe(0o644)
    writeFileSync(join(folder, 'package.json'), 'changed')
    expect(store.readBytes(tree.entries.find(({ path }) => path === 'package.json')!.digest).toString()).toBe(
      '{}',
    )
  })

  it('can take the place of an empty folder, and be empty itself', async () => {
    const { store, tree } = await stored({})
    const folder = temporaryFolder()
    await layOut(tree, store, folder)
    expect(readdirSync(folder)).toEqual([])
    await layOut(tree, store, join(folder, 'new'))
    expect(lstatSync(join(folder, 'new')).isDirectory()).toBe(true)
  })

  it('shares its files with a folder that has them already, copying what differs there', async () => {
    const { store, tree } = await stored()
    const parent = temporaryFolder()
    await layOut(tree, store, join(parent, 'first'))
    chmodSync(join(parent, 'first/empty'), 0o600)
    writeFileSync(join(parent, 'first/package.json'), 'another length')
    await layOut(tree, store, join(parent, 'second'), { linkFrom: join(parent, 'first') })
    const inode = (path: string) => statSync(join(parent, path)).ino
    expect(inode('second/large.bin')).toBe(inode('first/large.bin'))
    expect(inode('second/bin/run')).toBe(inode('first/bin/run'))
    expect(inode('second/empty')).not.toBe(inode('first/empty'))
    expect(readFileSync(join(parent, 'second/package.json'), 'utf8')).toBe('{}')
    expect((await storeFolder(join(parent, 'second'), store)).tree).toEqual(tree)
  })

  it('is not left half-done when it is cancelled', async () => {
    const { store, tree } = await stored()
    const parent = temporaryFolder()
    const refusal = await refusalOf(() =>
      layOut(tree, store, join(parent, 'out'), { signal: AbortSignal.abort() }),
    )
    expect(refusal.code).toBe('CANCELLED')
    expect(readdirSync(parent)).toEqual([])
  })
})

describe('storing a folder', () => {
  it('refuses links that leave it, and what is too large, by name', async () => {
    const store = createBlobStore(temporaryFolder())
    const folder = writeFiles(temporaryFolder(), {
      'venv/bin/python': ['/usr/bin/python3', 'link'],
      big: 'x'.repeat(50),
    })
    expect((await refusalOf(() => storeFolder(folder, store))).message).toMatch(
      'The link “venv/bin/python” points to “/usr/bin/python3”',
    )
    expect(
      (await refusalOf(() => storeFolder(folder, store, { limits: { fileBytes: 49 } }))).message,
    ).toMatch('“big”')
    expect((await refusalOf(() => storeFolder(join(folder, 'absent'), store))).code).toBe('NOT_FOUND')
  })

  it('leaves out pipes and sockets, and names them', async () => {
    const store = createBlobStore(temporaryFolder())
    const folder = writeFiles(temporaryFolder(), { a: '1' })
    execFileSync('mkfifo', [join(folder, 'pipe')])
    expect(await storeFolder(folder, store)).toMatchObject({
      tree: { entries: [{ path: 'a' }] },
      leftOut: [{ path: 'pipe', why: 'special' }],
    })
  })

  it('does not read through a link to a folder', async () => {
    const store = createBlobStore(temporaryFolder())
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'real'))
    writeFiles(folder, { 'real/a': '1' })
    symlinkSync('real', join(folder, 'alias'))
    const { tree } = await storeFolder(folder, store)
    expect(tree.entries.map(({ path, mode }) => [path, mode])).toEqual([
      ['alias', 'link'],
      ['real/a', '644'],
    ])
    expect(existsSync(join(folder, 'alias/a'))).toBe(true)
  })
})
