import { describe, expect, it } from 'vitest'
import { checkEntries, checkPath } from './check.ts'
import { checkLinks } from './links.ts'
import { entry, refusalOf } from './test-support.ts'

describe('a path is refused when it', () => {
  it.each([
    ['is empty', '', 'it is empty'],
    ['is absolute', '/etc/passwd', 'it is an absolute path'],
    ['leads out of its folder', 'a/../../b', 'it leads out of its folder by `..`'],
    ['holds a `.` segment', 'a/./b', 'it holds an empty or `.` segment'],
    ['holds an empty segment', 'a//b', 'it holds an empty or `.` segment'],
    ['ends in a slash', 'a/', 'it holds an empty or `.` segment'],
    ['holds a newline', 'a\nb', 'it holds a control character'],
    ['holds a NUL', 'a\0b', 'it holds a control character'],
    ['holds an escape', 'a\u001b[31m', 'it holds a control character'],
    ['holds a lone surrogate', 'a\ud800', 'it is not valid UTF-8'],
    ['was no UTF-8 on disk', 'a\ufffd', 'it is not valid UTF-8'],
    ['is too long', `${'abcdefgh/'.repeat(89)}x`, 'the path is longer than 800 bytes'],
    ['has too long a name', 'x'.repeat(256), 'a name in it is longer than 255 bytes'],
    ['reorders text', 'evil\u202etxt.exe', 'it holds a character that hides or reorders text'],
  ])('%s', async (_, path, why) => {
    const refusal = await refusalOf(() => checkPath(path))
    expect(refusal.code).toBe('REFUSED')
    expect(refusal.message).toContain(`cannot be shipped: ${why}.`)
    expect(refusal.message).not.toMatch(/[\p{Cc}\u202e]/u)
  })

  it('is decomposed Unicode, with the rename that mends it', async () => {
    const refusal = await refusalOf(() => checkPath('caf\u0065\u0301.txt'))
    expect(refusal.hint).toBe("Rename it: mv 'cafe\u0301.txt' 'caf\u00e9.txt'")
    expect(() => checkPath('café.txt'.normalize('NFC'))).not.toThrow()
    expect(() => checkPath('cafe\u0301.txt', 'local')).not.toThrow()
  })
})

describe('a set of entries is refused for', () => {
  const messageOf = async (...entries: Parameters<typeof checkEntries>) =>
    (await refusalOf(() => checkEntries(...entries))).message

  it('names that differ only in case, of files or of folders above them', async () => {
    expect(await messageOf([entry('A.txt'), entry('a.txt')])).toMatch(
      /“A.txt” and “a.txt” differ only in case/,
    )
    expect(await messageOf([entry('Lib/a'), entry('lib/b')])).toMatch(/“Lib” and “lib” differ only in case/)
    expect(await messageOf([entry('É'), entry('é')])).toMatch(/differ only/)
    expect(() => checkEntries([entry('A.txt'), entry('a.txt')], { names: 'local' })).not.toThrow()
  })

  it('a path that is both a file and a folder, or is there twice', async () => {
    expect(await messageOf([entry('a'), entry('a-b'), entry('a/b')])).toBe('“a” is both a file and a folder.')
    expect(await messageOf([entry('a/b', 'x', 'link'), entry('a/b/c/d')])).toMatch('“a/b” is both')
    expect(await messageOf([entry('a'), entry('a')], { names: 'local' })).toBe('“a” is listed twice.')
  })

  it('a file, a tree or a number of files that is too large', async () => {
    const [small, large] = [entry('small', 'x'), entry('large', 'x'.repeat(100))]
    expect(await messageOf([small, large], { limits: { fileBytes: 99 } })).toBe(
      '“large” has 100 bytes; a file may have at most 99 bytes.',
    )
    expect(await messageOf([small, large], { limits: { treeBytes: 100 } })).toMatch(
      /101 bytes together.*“large”/,
    )
    expect(await messageOf([small, large], { limits: { entries: 1 } })).toMatch(/more than 1 files/)
    expect(() =>
      checkEntries([small, large], { limits: { entries: 2, treeBytes: 101, fileBytes: 100 } }),
    ).not.toThrow()
  })

  it('digests, sizes and modes that are none', async () => {
    expect(await messageOf([{ ...entry('a'), digest: 'ABC' }])).toMatch(/not a SHA-256 digest/)
    for (const size of [-1, 1.5, Number.NaN, 2 ** 60]) {
      expect(await messageOf([{ ...entry('a'), size }])).toMatch(/not a whole number/)
    }
    expect(await messageOf([{ ...entry('a'), mode: '777' as '644' }])).toMatch(/unknown mode 777/)
    expect(await messageOf([{ ...entry('a', 'x', 'link'), size: 5000 }])).toMatch(/at most 4096 bytes/)
  })
})

describe('links', () => {
  const check = (links: Record<string, string>) => () => checkLinks(new Map(Object.entries(links)))

  it.each([
    ['absolutely', { passwd: '/etc/passwd' }],
    ['by ..', { 'a/up': '../../x' }],
    ['from the root', { up: '..' }],
    ['by going down first', { up: 'a/b/../../../x' }],
    ['through another link', { here: '.', 'a/up': '../here/../x' }],
    ['through a chain of links', { 'a/one': '../two', two: 'a/three', 'a/three': '../../x' }],
  ])('that leave the tree %s are refused by name', async (_, links) => {
    const refusal = await refusalOf(check(links as unknown as Record<string, string>))
    expect(refusal.message).toMatch(/^The link “.+” points to “.+”, outside of the folder that is shipped.$/)
  })

  it('that stay inside, dangle inside or turn in circles are taken', () => {
    expect(
      check({ 'node_modules/.bin/tsc': '../typescript/bin/tsc', latest: 'v2', 'a/b/c': '../../d' }),
    ).not.toThrow()
    expect(check({ a: 'b', b: 'a', self: 'self' })).not.toThrow()
    expect(check({ 'x/deep': '..', y: 'x/deep/z' })).not.toThrow()
  })
})
