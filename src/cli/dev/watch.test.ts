import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Changes, watchFolder } from './watch.ts'
import { watchEvents } from './watch-events.ts'

let root: string
let over: AbortController

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tow-watch-'))
  over = new AbortController()
})
afterEach(() => {
  over.abort()
  rmSync(root, { recursive: true, force: true })
})

const write = (path: string, text: string) => writeFileSync(join(root, path), text)

describe('events of a folder', () => {
  let told: (string | null)[]
  const watching = () => {
    told = []
    watchEvents(root, over.signal, (path) => told.push(path))
  }
  const untilTold = (path: string) => expect.poll(() => told, { timeout: 10_000 }).toContain(path)

  test('go on for a file that was replaced, as editors and Git do', async () => {
    mkdirSync(join(root, 'lib'))
    write('lib/a', '0')
    watching()
    for (let turn = 0; turn < 3; turn++) {
      write('aside', 'new')
      renameSync(join(root, 'aside'), join(root, 'lib/a'))
      await untilTold('lib/a')
      told.length = 0
      write('lib/a', `in place ${turn}`)
      await untilTold('lib/a')
      told.length = 0
    }
  })

  test('reach folders that come, go, come again and are renamed', async () => {
    watching()
    for (let turn = 0; turn < 2; turn++) {
      mkdirSync(join(root, 'new/deep'), { recursive: true })
      await untilTold('new')
      write('new/deep/file', 'x')
      await expect.poll(() => told.includes('new/deep/file') || told.includes(null)).toBe(true)
      told.length = 0
      write('new/deep/file', 'y')
      await untilTold('new/deep/file')
      rmSync(join(root, 'new'), { recursive: true })
      await untilTold('new')
      told.length = 0
    }
    mkdirSync(join(root, 'one'))
    await untilTold('one')
    renameSync(join(root, 'one'), join(root, 'two'))
    await untilTold('two')
    write('two/file', 'x')
    await untilTold('two/file')
  })

  test('say nothing of what is never shipped', async () => {
    mkdirSync(join(root, 'node_modules/a'), { recursive: true })
    watching()
    write('node_modules/a/index.js', 'x')
    write('last', 'x')
    await untilTold('last')
    expect(told.filter((path) => path !== 'last')).toEqual([])
  })
})

describe('changes', () => {
  test('from before they are asked for are told, and later ones that come meanwhile with the next', async () => {
    const changes = watchFolder(root, over.signal)[Symbol.asyncIterator]()
    write('early', 'x')
    expect((await changes.next()).value).toMatchObject({ paths: new Set(['early']) })
    write('later', 'x')
    expect((await changes.next()).value).toMatchObject({ paths: new Set(['later']) })
  })

  test('are told of everything every few seconds, whatever was lost', async () => {
    const changes = watchFolder(root, over.signal)[Symbol.asyncIterator]()
    expect((await changes.next()).value).toMatchObject({ paths: null })
  })

  test('of a checkout are one change', async () => {
    const git = (...parameters: string[]) =>
      execFileSync('git', ['-C', root, '-c', 'user.name=T', '-c', 'user.email=t@example.org', ...parameters])
    git('init', '-q', '-b', 'main')
    for (let at = 0; at < 500; at++) write(`${at}`, 'main')
    git('add', '-A')
    git('commit', '-qm', 'One')
    git('checkout', '-qb', 'other')
    for (let at = 0; at < 500; at++) write(`${at}`, 'other')
    git('commit', '-qam', 'Two')
    const changes = watchFolder(root, over.signal)[Symbol.asyncIterator]()
    git('checkout', '-q', 'main')
    const { value } = (await changes.next()) as { value: Changes }
    expect(value.paths?.size).toBe(500)
    over.abort()
    expect((await changes.next()).done).toBe(true)
  })
})
