import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBlobStore } from './blob-store.ts'
import { scan } from './scan.ts'
import { scanCommit } from './scan-commit.ts'
import {
  commitAll,
  type Files,
  git,
  refusalOf,
  repository,
  temporaryFolder,
  writeFiles,
} from './test-support.ts'

const ODD_REPOSITORY: Files = {
  '.gitattributes': 'docs export-ignore\n*.bin filter=lfs diff=lfs merge=lfs -text\n',
  '.gitignore': 'dist\n',
  '.dockerignore': 'private\n',
  '.towignore': '*.tmp\n',
  'app/.towignore': 'local\n',
  'app/local': 'x',
  'app/run.sh': ['#!/bin/sh\n', '755'],
  'app/latest': ['run.sh', 'link'],
  'docs/a.md': '# A\n',
  'ünï cödé/\u{1f600}.txt': 'smile\r\nwindows\r\n',
  'big.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
  'private/a': 'x',
  'b.tmp': 'x',
  empty: '',
  '.env.example': 'A=\n',
}

describe('a commit', () => {
  it('is refused in words when it, its folder or the repository is not there', async () => {
    const root = repository({ a: '1', 'b/c': '2' })
    commitAll(root)
    expect((await refusalOf(() => scanCommit(root, 'nothing', '.'))).message).toMatch(/no commit “nothing”/)
    expect((await refusalOf(() => scanCommit(root, '--help', '.'))).message).toMatch(/no commit “--help”/)
    expect((await refusalOf(() => scanCommit(root, 'HEAD', 'absent'))).message).toMatch(
      /no folder “absent” in the commit/,
    )
    expect((await refusalOf(() => scanCommit(root, 'HEAD', 'a'))).message).toMatch(/no folder “a”/)
    expect((await refusalOf(() => scanCommit(root, 'HEAD', '../x'))).message).toMatch(/leads out/)
    expect((await refusalOf(() => scanCommit(temporaryFolder(), 'HEAD', '.'))).code).toBe('FAILED')
  })

  it('is refused for what a working copy is refused for', async () => {
    const root = repository({ link: ['../../etc', 'link'] })
    expect((await refusalOf(async () => scanCommit(root, commitAll(root), '.'))).message).toMatch(
      /outside of the folder/,
    )
    const large = repository({ large: 'x'.repeat(100) })
    const limits = { fileBytes: 99 }
    expect((await refusalOf(async () => scanCommit(large, commitAll(large), '.', { limits }))).code).toBe(
      'TOO_LARGE',
    )
  })

  it('has the hash of its clean working copy: modes, links, Unicode, attributes, every kind of ignore file', async () => {
    const root = repository(ODD_REPOSITORY)
    const commit = commitAll(root)
    const copy = await scan(root)
    expect(copy.tree.entries).toHaveLength(12)
    const committed = await scanCommit(root, 'HEAD', '.')
    expect(committed.tree).toEqual(copy.tree)
    expect(committed.commit).toBe(commit)
    expect((await scanCommit(root, 'main', './app/')).tree).toEqual((await scan(join(root, 'app'))).tree)
  })

  it('has the hash of its clean working copy, whatever is in it', async () => {
    const name = fc.constantFrom(
      'a',
      'b',
      'ç',
      '日本',
      'with space',
      '-dash',
      '.hidden',
      'q"uote',
      '.env',
      'node_modules',
    )
    const file = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `${parts.join('/')}.f`),
      folder: name,
      content: fc.string({ unit: fc.constantFrom('x', '\n', '\r\n', '\0', 'é') }),
      mode: fc.constantFrom('644' as const, '755' as const),
    })
    const rules = fc.constantFrom('', 'a\n', '*.f\n!b*\n', '/b/\n', '**/ç*\n!ç.f\n')
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { maxLength: 12 }),
        rules,
        rules,
        rules,
        async (files, git, docker, tow) => {
          const root = repository({ '.gitignore': git, '.dockerignore': docker, '.towignore': tow })
          for (const { folder, path, content, mode } of files)
            writeFiles(root, { [`${folder}/${path}`]: [content, mode] })
          const commit = commitAll(root)
          expect((await scanCommit(root, commit, '.')).tree).toEqual((await scan(root)).tree)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('is read from a bare repository, its blobs into the store, each once', async () => {
    const root = repository({ ...ODD_REPOSITORY, 'large.dat': Buffer.alloc(2 * 1024 ** 2, 'large') })
    commitAll(root)
    const bare = join(temporaryFolder(), 'app.git')
    execFileSync('git', ['clone', '-q', '--bare', root, bare])
    const store = createBlobStore(temporaryFolder())
    const cacheFile = join(temporaryFolder(), 'cache')
    const first = await scanCommit(bare, 'main', '.', { store, cacheFile })
    expect(store.missing(first.tree.entries.map(({ digest }) => digest))).toEqual([])
    expect(
      store.readBytes(first.tree.entries.find(({ path }) => path === 'app/latest')!.digest).toString(),
    ).toBe('run.sh')
    // Links are read every time, for it is their text that is judged.
    expect(await scanCommit(bare, 'main', '.', { store, cacheFile })).toEqual({ ...first, read: 1 })
    const elsewhere = createBlobStore(temporaryFolder())
    await scanCommit(bare, 'main', '.', { store: elsewhere, cacheFile })
    expect(elsewhere.missing(first.tree.entries.map(({ digest }) => digest))).toEqual([])
  })

  it('leaves out its submodules, and names them', async () => {
    const [root, other] = [repository({ a: '1' }), repository({ b: '2' })]
    commitAll(other)
    git(root, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'vendor/sub')
    const committed = await scanCommit(root, commitAll(root), '.')
    expect(committed.leftOut).toEqual([{ path: 'vendor/sub', why: 'submodule' }])
    expect(committed.tree).toEqual((await scan(root)).tree)
  })
})
