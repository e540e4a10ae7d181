import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { scan } from './scan.ts'
import { commitAll, git, refusalOf, repository, temporaryFolder, writeFiles } from './test-support.ts'

const pathsOf = async (root: string) => (await scan(root)).tree.entries.map(({ path }) => path)

it('scanning leaves out what whoever scans writes to, and names it', async () => {
  const root = writeFiles(temporaryFolder(), { 'server.js': 'x', 'dev.log': 'first line' })
  const { ino } = statSync(join(root, 'dev.log'), { bigint: true })
  const { tree, leftOut } = await scan(root, { isOutput: (stats) => stats.ino === ino })
  expect(tree.entries.map(({ path }) => path)).toEqual(['server.js'])
  expect(leftOut).toEqual([{ path: 'dev.log', why: 'output' }])
})

describe('scanning refuses', () => {
  it('a folder that is not there', async () => {
    expect((await refusalOf(() => scan('/nowhere/at/all'))).message).toBe(
      'There is no folder “/nowhere/at/all”.',
    )
  })

  it('a file that is too large before reading it, and names it', async () => {
    const root = writeFiles(temporaryFolder(), { 'small.txt': 'x', 'film.mp4': '' })
    truncateSync(join(root, 'film.mp4'), 600 * 1024 ** 2)
    const refusal = await refusalOf(() => scan(root))
    expect(refusal).toMatchObject({
      code: 'TOO_LARGE',
      message: '“film.mp4” has 600.0 MiB; a file may have at most 512.0 MiB.',
    })
    expect(refusal.hint).toContain('.towignore')
  })

  it('too many files, with and without Git', async () => {
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`f${index}`, 'x']))
    for (const root of [writeFiles(temporaryFolder(), files), repository(files)]) {
      expect((await refusalOf(() => scan(root, { limits: { entries: 10 } }))).code).toBe('TOO_LARGE')
    }
  })

  it('a link that leaves the folder, with and without Git', async () => {
    for (const root of [temporaryFolder(), repository()]) {
      writeFiles(root, { 'config/passwords': ['/etc/passwd', 'link'] })
      expect((await refusalOf(() => scan(root))).message).toMatch(
        '“config/passwords” points to “/etc/passwd”',
      )
    }
  })

  it('names that are no UTF-8, with and without Git', async () => {
    for (const root of [temporaryFolder(), repository()]) {
      writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), 'x')
      expect((await refusalOf(() => scan(root))).message).toMatch(/cannot be shipped: it is not valid UTF-8/)
    }
  })

  it('names that differ only in case', async () => {
    const root = writeFiles(temporaryFolder(), { 'Readme.md': '1', 'README.md': '2' })
    expect((await refusalOf(() => scan(root))).message).toMatch(
      /“README.md” and “Readme.md” differ only in case/,
    )
  })

  it('a file that cannot be read, in the words of a person', async () => {
    const root = writeFiles(temporaryFolder(), { secret: 'x' })
    execFileSync('chmod', ['000', join(root, 'secret')])
    const result = await scan(root).catch((error) => error)
    // The superuser reads everything.
    if (process.getuid?.() === 0) expect(result.tree.entries).toHaveLength(1)
    else expect(result.message).toBe('“secret” cannot be read: permission denied.')
  })

  it('to go on once it is cancelled', async () => {
    const root = writeFiles(temporaryFolder(), { a: 'x' })
    expect((await refusalOf(() => scan(root, { signal: AbortSignal.abort() }))).code).toBe('CANCELLED')
  })
})

describe('a working copy without Git', () => {
  it('leaves out what .gitignore, .dockerignore and .towignore say, nested ones too', async () => {
    const root = writeFiles(temporaryFolder(), {
      '.gitignore': 'dist\n*.log\n/only-root\n!keep.log\n',
      '.dockerignore': 'docs\n# a comment\nnotes.md\n',
      '.towignore': 'fixtures/\n!docs/needed.md\n',
      'app/.gitignore': 'generated/*\n!generated/kept.ts\n',
      'app/.towignore': 'scratch\n',
      'index.ts': '',
      'dist/out.js': '',
      'app/dist/out.js': '',
      'a.log': '',
      'keep.log': '',
      'only-root': '',
      'app/only-root': '',
      'docs/a.md': '',
      'docs/needed.md': '',
      'app/docs/a.md': '',
      'notes.md': '',
      'fixtures/big': '',
      'app/generated/x.ts': '',
      'app/generated/kept.ts': '',
      'app/scratch': '',
    })
    expect((await pathsOf(root)).filter((path) => !path.includes('ignore'))).toEqual([
      'app/docs/a.md',
      'app/generated/kept.ts',
      'app/only-root',
      'docs/needed.md',
      'index.ts',
      'keep.log',
    ])
  })

  it('reads .dockerignore as Docker does: from the root, last rule wins, even out of a folder that is left out', async () => {
    const root = writeFiles(temporaryFolder(), {
      '.dockerignore': '*\n!src/\n!/package.json\nsrc/**/*.test.ts\n!src/a.test.ts\n',
      'package.json': '',
      'sub/package.json': '',
      'src/a.ts': '',
      'src/a.test.ts': '',
      'src/deep/b.test.ts': '',
      'src/deep/b.ts': '',
    })
    expect(await pathsOf(root)).toEqual(['package.json', 'src/a.test.ts', 'src/a.ts', 'src/deep/b.ts'])
  })

  it('never ships node_modules, .git or .env, however deep, whatever is un-ignored', async () => {
    const root = writeFiles(temporaryFolder(), {
      '.towignore': '!.env\n!node_modules\n',
      '.env': 'SECRET=1',
      '.env.local': 'SECRET=1',
      '.env.production.local': 'SECRET=1',
      '.env.example': 'SECRET=',
      '.env.production': 'PUBLIC=1',
      'app/.env': 'SECRET=1',
      'node_modules/a/index.js': '',
      'app/node_modules/a/index.js': '',
      'app/node_modules.ts': '',
      'vendor/lib/.git': 'gitdir: ../../x',
    })
    expect(await pathsOf(root)).toEqual([
      '.env.example',
      '.env.production',
      '.towignore',
      'app/node_modules.ts',
    ])
  })

  it('names the pipes and sockets that it left out', async () => {
    const root = writeFiles(temporaryFolder(), { a: 'x' })
    execFileSync('mkfifo', [join(root, 'pipe')])
    expect(await scan(root)).toMatchObject({
      tree: { entries: [{ path: 'a' }] },
      leftOut: [{ path: 'pipe', why: 'special' }],
    })
  })

  it('is also a folder that an outer repository ignores', async () => {
    const outer = repository({ '.gitignore': 'inner/\n', 'inner/a': 'x' })
    expect(await pathsOf(join(outer, 'inner'))).toEqual(['a'])
  })
})

describe('a working copy with Git', () => {
  it('is what Git tracks or would add, without what was deleted', async () => {
    const root = repository({ '.gitignore': 'ignored\n', tracked: '1', gone: '2', 'forced/ignored': '3' })
    git(root, 'add', '-f', '.')
    git(root, 'commit', '-qm', 'First')
    rmSync(join(root, 'gone'))
    writeFiles(root, { new: '4', ignored: '5' })
    expect(await pathsOf(root)).toEqual(['.gitignore', 'forced/ignored', 'new', 'tracked'])
  })

  it('can be a folder inside of a repository', async () => {
    const root = repository({
      'services/api/a': '1',
      'services/web/b': '2',
      '.gitignore': '*.log\n',
      'services/api/x.log': '',
    })
    expect(await pathsOf(join(root, 'services/api'))).toEqual(['a'])
  })

  it('is not looked at through the variables that Git sets inside a hook', async () => {
    const root = repository({ '.gitignore': 'forced\n', forced: '1' })
    git(root, 'add', '-f', '.')
    const other = repository({ theirs: '2' })
    commitAll(other)
    process.env.GIT_DIR = join(other, '.git')
    try {
      expect(await pathsOf(root)).toEqual(['.gitignore', 'forced'])
    } finally {
      delete process.env.GIT_DIR
    }
  })

  it('does not follow a link that took the place of a tracked folder', async () => {
    const outside = writeFiles(temporaryFolder(), { 'a.txt': 'secret' })
    const root = repository({ 'lib/a.txt': '1', '.gitignore': '/lib\n', b: '2' })
    git(root, 'add', '-f', '.')
    git(root, 'commit', '-qm', 'First')
    rmSync(join(root, 'lib'), { recursive: true })
    symlinkSync(outside, join(root, 'lib'))
    expect(await pathsOf(root)).toEqual(['.gitignore', 'b'])
  })

  it('leaves out submodules and repositories inside, and names them', async () => {
    const root = repository({ a: '1' })
    const other = repository({ b: '2' })
    commitAll(other)
    git(root, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'vendor/sub')
    mkdirSync(join(root, 'clone'))
    git(join(root, 'clone'), 'init', '-q')
    writeFiles(root, { 'clone/c': '3' })
    const { tree, leftOut } = await scan(root)
    expect(tree.entries.map(({ path }) => path)).toEqual(['.gitmodules', 'a'])
    expect(leftOut).toEqual([
      { path: 'vendor/sub', why: 'submodule' },
      { path: 'clone', why: 'repository' },
    ])
  })

  it('lists a file in conflict once', async () => {
    const root = repository({ a: 'base' })
    commitAll(root)
    git(root, 'switch', '-qc', 'other')
    commitAll(writeFiles(root, { a: 'theirs' }))
    git(root, 'switch', '-q', 'main')
    commitAll(writeFiles(root, { a: 'ours' }))
    expect(() => git(root, 'merge', 'other')).toThrow()
    expect(await pathsOf(root)).toEqual(['a'])
  })
})

describe('an entry', () => {
  it('is path, mode, digest and size; of a link, those of its target text', async () => {
    const root = writeFiles(temporaryFolder(), { 'a b/ü.sh': ['#!', '755'], link: ['a b', 'link'] })
    expect((await scan(root)).tree.entries).toEqual([
      { path: 'a b/ü.sh', mode: '755', digest: hash('sha256', '#!'), size: 2 },
      { path: 'link', mode: 'link', digest: hash('sha256', 'a b'), size: 3 },
    ])
  })

  it('takes the mode from the index where the file system has none to tell', async () => {
    const root = repository({ 'run.sh': ['#!', '755'], plain: 'x' })
    commitAll(root)
    const before = (await scan(root)).tree
    git(root, 'config', 'core.fileMode', 'false')
    execFileSync('chmod', ['644', join(root, 'run.sh')])
    execFileSync('chmod', ['755', join(root, 'plain')])
    expect((await scan(root)).tree).toEqual(before)
  })

  it('has the same digest read at once or as a stream', async () => {
    const content = Buffer.alloc(3 * 1024 ** 2 + 7, 'abc')
    const root = writeFiles(temporaryFolder(), { large: content })
    expect((await scan(root)).tree.entries[0]).toMatchObject({
      digest: hash('sha256', content),
      size: content.length,
    })
  })
})

describe('the stat cache', () => {
  const OLD = new Date(Date.now() - 60_000)
  /** Rewrites the header as if the scan had begun at another time, with a right checksum. */
  const restamp = (file: string, began: Date, edit = (body: string) => body) => {
    const text = readFileSync(file, 'utf8')
    const body = edit(text.slice(text.indexOf('\n') + 1))
    writeFileSync(
      file,
      `towpath stat cache 1 ${BigInt(began.getTime()) * 1_000_000n} ${hash('sha256', body)}\n${body}`,
    )
  }

  it('spares the reading of files that did not change, and of those only', async () => {
    const root = writeFiles(temporaryFolder(), { a: '1', b: '2', c: '3' })
    const cacheFile = join(temporaryFolder(), 'cache')
    const first = await scan(root, { cacheFile })
    expect(first.hashed).toBe(3)
    restamp(cacheFile, new Date(Date.now() + 60_000))
    expect(await scan(root, { cacheFile })).toEqual({ ...first, hashed: 0 })
    restamp(cacheFile, new Date(Date.now() + 60_000))
    writeFiles(root, { b: 'two' })
    const changed = await scan(root, { cacheFile })
    expect(changed.hashed).toBe(1)
    expect(changed.tree).toEqual((await scan(root)).tree)
  })

  it('is not believed for a file as young as the scan itself: it may have changed within the tick of the clock', async () => {
    const root = writeFiles(temporaryFolder(), { a: 'old' })
    const cacheFile = join(temporaryFolder(), 'cache')
    await scan(root, { cacheFile })
    writeFiles(root, { a: 'new' })
    await scan(root, { cacheFile })
    const truth = hash('sha256', 'new')
    // What a second write of the same size within one tick leaves behind: a stat that is right for a digest that is not.
    const stale = (body: string) => body.replace(truth, hash('sha256', 'old'))
    restamp(cacheFile, new Date(Date.now() + 60_000), stale)
    expect((await scan(root, { cacheFile })).tree.entries[0]!.digest, 'the state is provoked').toBe(
      hash('sha256', 'old'),
    )
    // The same cache, stamped by a scan that began when the file was written.
    restamp(cacheFile, statSync(join(root, 'a')).mtime, stale)
    expect((await scan(root, { cacheFile })).tree.entries[0]!.digest).toBe(truth)
    expect((await scan(root, { cacheFile })).tree.entries[0]!.digest, 'and it stays so').toBe(truth)
  })

  it('never hides a change, however fast a file is written and scanned in turn', async () => {
    const root = temporaryFolder()
    const cacheFile = join(temporaryFolder(), 'cache')
    for (let turn = 0; turn < 40; turn++) {
      writeFileSync(join(root, 'a'), `turn ${turn % 10}`)
      expect((await scan(root, { cacheFile })).tree.entries[0]!.digest).toBe(
        hash('sha256', `turn ${turn % 10}`),
      )
    }
  })

  it('is not fooled by a file that was replaced by one of the same size and time', async () => {
    const root = writeFiles(temporaryFolder(), { a: '1', b: '2' })
    const cacheFile = join(temporaryFolder(), 'cache')
    for (const name of ['a', 'b']) utimesSync(join(root, name), OLD, OLD)
    await scan(root, { cacheFile })
    restamp(cacheFile, new Date(Date.now() + 60_000))
    renameSync(join(root, 'b'), join(root, 'a'))
    expect((await scan(root, { cacheFile })).tree.entries).toMatchObject([
      { path: 'a', digest: hash('sha256', '2') },
    ])
  })

  it('is ignored when it is damaged, cut off, of another version, or no file at all', async () => {
    const root = writeFiles(temporaryFolder(), { a: '1', b: '2' })
    const cacheFile = join(temporaryFolder(), 'cache')
    const truth = await scan(root, { cacheFile })
    restamp(cacheFile, new Date(Date.now() + 60_000))
    const good = readFileSync(cacheFile, 'utf8')
    const digest = truth.tree.entries[0]!.digest
    const flipped = good.replace(
      digest,
      digest.replace(/^./, (first) => (first === '0' ? '1' : '0')),
    )
    for (const bad of [
      flipped,
      good.slice(0, -9),
      good.replace('cache 1', 'cache 2'),
      '',
      'x'.repeat(1000),
    ]) {
      writeFileSync(cacheFile, bad)
      expect(await scan(root, { cacheFile })).toEqual(truth)
    }
    expect(await scan(root, { cacheFile: root })).toEqual(truth)
  })
})
