import { expect, test } from 'vitest'
import { makeTree } from '../../../trees/tree.ts'
import type { AppDeclaration } from '../manifests/index.ts'
import { type Before, whyBuilt, whyInstalled } from './why.ts'

const tree = (files: Record<string, string>) =>
  makeTree(
    Object.entries(files).map(([path, letter]) => ({
      ...{ path, mode: '644' as const, size: 1, digest: letter.repeat(64) },
    })),
  )
const declaration = (command?: string) =>
  ({
    path: '.',
    context: '.',
    build: { builder: 'auto', secrets: [], command },
    run: {},
  }) as never as AppDeclaration

const FILES = { 'package-lock.json': 'a', 'src/a.ts': 'a' }
const before: Before = {
  declaration: declaration(),
  parts: { tools: { node: '24.1.0' }, dependencies: { 'package-lock.json': 'a', 'package.json': 'a' } },
  context: tree(FILES),
}
const same = { ...before, rebuild: false } as Parameters<typeof whyBuilt>[0]

test('the first build, and one that was asked for anew, say so', () => {
  expect(whyBuilt(same, null)).toBe('it is the first build of the app')
  expect(whyInstalled(same, null)).toBe('it is the first build of the app')
  expect(whyBuilt({ ...same, rebuild: true }, before)).toBe('it was asked to build anew')
})

test('files that changed are named, the first of many', () => {
  const one = { ...same, context: tree({ ...FILES, 'src/a.ts': 'b' }) }
  expect(whyBuilt(one, before)).toBe('src/a.ts changed')
  const many = { ...same, context: tree({ 'b.ts': 'a', 'c.ts': 'a', 'd.ts': 'a', 'src/a.ts': 'b' }) }
  expect(whyBuilt(many, before)).toBe('src/a.ts, b.ts, c.ts and 2 more changed')
})

test('what decides the packages is named, and a tool with both of its versions', () => {
  const parts = {
    tools: { node: '24.2.0' },
    dependencies: { 'package-lock.json': 'b', 'package.json': 'a' },
  }
  expect(whyInstalled({ ...same, parts }, before)).toBe('package-lock.json changed; node 24.1.0 → 24.2.0')
  expect(whyBuilt({ ...same, parts, declaration: declaration('make') }, before)).toBe(
    'how it is built or run has changed; node 24.1.0 → 24.2.0',
  )
})

test('where nothing has changed, what was made before is gone', () => {
  expect(whyBuilt(same, before)).toBe('what was made before is not kept any more')
  expect(whyInstalled(same, before)).toBe('what was made before is not kept any more')
  expect(whyInstalled(same, { ...before, parts: null })).toBe('what was made before is not kept any more')
  expect(whyBuilt(same, { ...before, context: null })).toBe('the source has changed')
})
