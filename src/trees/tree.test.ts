import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTree, receiveTree } from './check.ts'
import { applyDiff, diffTrees, treeChange } from './diff.ts'
import { entry, refusalOf } from './test-support.ts'
import {
  comparePaths,
  hashTree,
  makeTree,
  mergeTrees,
  serializeTree,
  subtree,
  type TreeEntry,
} from './tree.ts'

const paths = (entries: readonly TreeEntry[]) => entries.map(({ path }) => path)

/** Small alphabets, so that random trees share paths; upper parts are folders, so that nothing is both. */
const randomEntries = fc
  .uniqueArray(
    fc.record({
      folder: fc.constantFrom('', 'src/', 'src/deep/', 'ünï/', '\u{1f600}/'),
      name: fc.constantFrom('a', 'b', 'c.ts', 'é', '\uffe0', '\u{10000}'),
      content: fc.constantFrom('1', '22', '333'),
      mode: fc.constantFrom('644' as const, '755' as const),
    }),
    { selector: ({ folder, name }) => folder + name, maxLength: 20 },
  )
  .map((files) => files.map(({ folder, name, content, mode }) => entry(`${folder}${name}.f`, content, mode)))

describe('a tree', () => {
  it('refuses a change made for another base, or one that arrives elsewhere', async () => {
    const base = makeTree([entry('a', '1')])
    const change = treeChange(base, makeTree([entry('a', '2')]))
    expect((await refusalOf(() => applyDiff(makeTree([]), change))).code).toBe('CONFLICT')
    const forged = { ...change, upserts: [entry('a', 'forged')] }
    expect((await refusalOf(() => applyDiff(base, forged))).message).toMatch(/hashes to .* not to/)
  })

  it('refuses text that is damaged, unsorted, or of another version', async () => {
    const tree = makeTree([entry('a'), entry('b')])
    const text = Buffer.from(serializeTree(tree)).toString()
    const [header, first, second] = text.split('\n')
    const broken = [
      '',
      text.slice(0, -1),
      text.replace('tree 1', 'tree 9'),
      `${header}\n${second}\n${first}\n`,
    ]
    for (const bad of [...broken, text.replace('644', '777'), text.replace(/ \d+ a/, ' 01 a')]) {
      const refusal = await refusalOf(() => parseTree(Buffer.from(bad), 'upload'))
      expect(refusal.message).toBe('upload is not a tree: its text is damaged or of an unknown version.')
    }
  })

  it('has one hash whatever the order of its entries, and another for any other content, mode or path', () => {
    fc.assert(
      fc.property(randomEntries, fc.infiniteStream(fc.nat()), (entries, order) => {
        const shuffled = [...entries].sort(() => (order.next().value! % 3) - 1)
        expect(hashTree(shuffled)).toBe(hashTree(entries))
        if (entries.length === 0) return
        const [first, ...others] = entries as [TreeEntry, ...TreeEntry[]]
        for (const change of [
          { path: 'other' },
          { size: 99 },
          { digest: entry('x').digest },
          { mode: 'link' as const },
        ]) {
          expect(hashTree([{ ...first, ...change }, ...others])).not.toBe(hashTree(entries))
        }
      }),
    )
  })

  it('is sorted by the bytes of its paths, not by UTF-16', () => {
    const unit = fc.constantFrom('/', 'a', 'é', '\ud7ff', '\ue000', '\uffe0', '\u{10000}', '\u{10ffff}')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 4 }), fc.string({ unit, maxLength: 4 }), (left, right) => {
        expect(Math.sign(comparePaths(left, right))).toBe(
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        )
      }),
    )
    expect(paths(makeTree([entry('\u{10000}'), entry('\uffe0'), entry('z')]).entries)).toEqual([
      'z',
      '\uffe0',
      '\u{10000}',
    ])
  })

  it('survives being written and read, and its hash is the digest of what was written', () => {
    fc.assert(
      fc.property(randomEntries, (entries) => {
        const tree = makeTree(entries)
        const bytes = serializeTree(tree)
        expect(parseTree(bytes, 'tree')).toEqual(tree)
        expect(entry('', Buffer.from(bytes).toString()).digest).toBe(tree.hash)
        expect(receiveTree([...entries].reverse(), tree.hash)).toEqual(tree)
      }),
    )
  })

  it('arrives at the other tree by its difference, from any tree to any other', () => {
    fc.assert(
      fc.property(randomEntries, randomEntries, (from, to) => {
        const [base, target] = [makeTree(from), makeTree(to)]
        expect(applyDiff(base, treeChange(base, target))).toEqual(target)
      }),
    )
  })

  it('travels as one entry when one line of 20,000 files changed', () => {
    const files = Array.from({ length: 20_000 }, (_, index) => entry(`src/${index % 100}/file-${index}.ts`))
    const base = makeTree(files)
    const change = treeChange(base, makeTree([...files.slice(1), entry(files[0]!.path, 'changed')]))
    expect(change).toMatchObject({ upserts: [{ path: files[0]!.path }], removals: [] })
    expect(JSON.stringify(change).length).toBeLessThan(500)
  })

  it('tells added, changed (content or mode) and removed apart', () => {
    const from = makeTree([entry('same'), entry('mode'), entry('content'), entry('gone')])
    const to = makeTree([entry('same'), entry('mode', 'mode', '755'), entry('content', 'new'), entry('new')])
    const diff = diffTrees(from, to)
    expect(paths(diff.added)).toEqual(['new'])
    expect(paths(diff.changed)).toEqual(['content', 'mode'])
    expect(paths(diff.removed)).toEqual(['gone'])
  })
})

describe('part of a tree', () => {
  it('is the tree of one folder, and of no folder that only begins with its name', () => {
    const tree = makeTree([entry('app/a', '1'), entry('app/b/c', '2'), entry('app-two/a'), entry('app.ts')])
    expect(subtree(tree, 'app')).toEqual(makeTree([entry('a', '1'), entry('b/c', '2')]))
    expect(subtree(tree, './app/').hash).toBe(subtree(tree, 'app').hash)
    expect(subtree(tree, '.')).toBe(tree)
    expect(subtree(tree, 'absent').entries).toEqual([])
  })
})

describe('trees laid over each other', () => {
  it('let the later one win, file by file', () => {
    const merged = mergeTrees([makeTree([entry('a', '1'), entry('b', '1')]), makeTree([entry('b', '2')])])
    expect(merged).toEqual(makeTree([entry('a', '1'), entry('b', '2')]))
  })

  it('replace a folder by a file and a file by a folder', () => {
    const lower = makeTree([entry('x/deep/a'), entry('x/b'), entry('y'), entry('z')])
    const merged = mergeTrees([lower, makeTree([entry('x'), entry('y/c')])])
    expect(paths(merged.entries)).toEqual(['x', 'y/c', 'z'])
  })
})
