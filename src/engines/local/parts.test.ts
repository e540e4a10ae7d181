import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSampleContent, sampleArtifact, sampleSet } from '../conformance/sample.ts'
import { closedFolder, closedTo } from './enterable.ts'
import { collectLayers, layOutSet } from './lay-out-set.ts'
import { platformProblem } from './platform.ts'
import { prepareSet } from './prepare.ts'
import { createRuntimeFinder, satisfies } from './runtimes.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-local-parts-'))
  chmodSync(folder, 0o711)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('laying out', () => {
  test('shares dependencies between sets, copies the app, and leaves a whole set alone', async () => {
    const content = createSampleContent(`${folder}/blobs`)
    const artifact = await sampleArtifact(content)
    const layers = { layers: `${folder}/layers` }
    for (const id of ['v1', 'v2']) {
      await layOutSet(layers, content, { workspace: `${folder}/sets/${id}`, artifact, uid: null })
    }
    const inode = (path: string) => lstatSync(`${folder}/sets/${path}`).ino
    expect(inode('v1/node_modules/dep/index.js')).toBe(inode('v2/node_modules/dep/index.js'))
    expect(inode('v1/app.js')).not.toBe(inode('v2/app.js'))
    writeFileSync(`${folder}/sets/v1/note.txt`, 'by the app')
    await layOutSet(layers, content, { workspace: `${folder}/sets/v1`, artifact, uid: null })
    expect(readFileSync(`${folder}/sets/v1/note.txt`, 'utf8')).toBe('by the app')
  })

  test('a layer is removed once no set links to it', async () => {
    const content = createSampleContent(`${folder}/blobs`)
    const artifact = await sampleArtifact(content)
    const layer = `${folder}/layers/${artifact.layers[0]!.tree}`
    await layOutSet({ layers: `${folder}/layers` }, content, {
      workspace: `${folder}/v1`,
      artifact,
      uid: null,
    })
    await collectLayers(`${folder}/layers`, -1)
    expect(existsSync(layer)).toBe(true)
    rmSync(`${folder}/v1`, { recursive: true })
    await collectLayers(`${folder}/layers`, 60_000)
    expect(existsSync(layer)).toBe(true)
    await collectLayers(`${folder}/layers`, -1)
    expect(existsSync(layer)).toBe(false)
  })
})

describe('runtimes', () => {
  function fake(name: string, answer: string): void {
    mkdirSync(`${folder}/bin`, { recursive: true })
    chmodSync(`${folder}/bin`, 0o755)
    writeFileSync(`${folder}/bin/${name}`, `#!/bin/sh\necho ${answer}\n`, { mode: 0o755 })
    chmodSync(`${folder}/bin/${name}`, 0o755)
  }
  const finder = (ownUsers: boolean) =>
    createRuntimeFinder({
      path: `${folder}/bin`,
      ownNode: process.execPath,
      home: `${folder}/home`,
      ownUsers,
    })

  test('a stand-in is resolved to the program that it leads to, and the fitting version is chosen', async () => {
    fake('real-ruby', 'unused')
    fake('ruby', `${folder}/bin/real-ruby 9.8.7`)
    expect(await finder(false).choose({ name: 'ruby', version: '9.8.0', range: '^9.8' })).toEqual({
      folder: `${folder}/bin`,
    })
    expect(await finder(false).choose({ name: 'ruby', version: '9.9.0', range: '^9.9' })).toMatchObject({
      problem: { code: 'runtime-missing', message: expect.stringContaining('9.8.7') },
    })
  })

  test('one that apps cannot enter is copied where it is Node, and refused by name where it is not', async () => {
    fake('node', `${folder}/bin/node 77.0.0`)
    fake('ruby', `${folder}/bin/ruby 9.8.7`)
    chmodSync(`${folder}/bin`, 0o700)
    const node = await finder(true).choose({ name: 'node', version: '77.0.0', range: '77' })
    expect(node).toEqual({ folder: `${folder}/home/runtimes/node-77.0.0` })
    expect(existsSync(`${folder}/home/runtimes/node-77.0.0/node`)).toBe(true)
    expect(await finder(true).choose({ name: 'ruby', version: '9.8.7', range: '^9.8' })).toMatchObject({
      problem: { code: 'runtime-missing', message: expect.stringContaining(`${folder}/bin`) },
    })
  })

  test('a program of its own needs none, and a range that nobody can read refuses nothing', async () => {
    expect(await finder(false).choose({ name: 'none', version: '', range: '*' })).toEqual({ folder: null })
    expect(satisfies('3.11.2', 'whatever')).toBe(true)
    expect(satisfies('3.11.2', '>=3.12')).toBe(false)
  })
})

test('an artifact for another machine is refused with both named', () => {
  const machine = { os: 'linux', arch: 'x64', libc: 'glibc' } as const
  expect(platformProblem({ platform: 'any' }, machine)).toBeNull()
  expect(platformProblem({ platform: { os: 'linux', arch: 'x64' } }, machine)).toBeNull()
  const image = { reference: 'ghcr.io/team/shop@sha256:1', port: 8080, user: 1000 }
  expect(platformProblem({ platform: 'any', image }, machine)).toMatchObject({
    message: expect.stringContaining('runs no containers, and ghcr.io/team/shop@sha256:1 is an image'),
    hint: expect.stringContaining('-e <name>'),
  })
  expect(platformProblem({ platform: { ...machine, libc: 'musl' } }, machine)!.message).toBe(
    'it was built for linux x64 musl, and this machine is linux x64 glibc',
  )
})

test('variables of the artifact are expanded, its folders come before the runtime, and config wins', async () => {
  const artifact = await sampleArtifact(createSampleContent(`${folder}/blobs`))
  artifact.config.env = { PATH: '$WORKSPACE/.venv/bin:$PATH', VIRTUAL_ENV: '$WORKSPACE/.venv', A: '1' }
  const set = sampleSet(artifact, 1, { config: { A: '2' } })
  expect(prepareSet(set, { workspace: '/sets/v1', runtimeFolder: '/usr/bin' })).toMatchObject({
    env: { VIRTUAL_ENV: '/sets/v1/.venv', A: '2' },
    path: ['/sets/v1/.venv/bin', '/usr/bin'],
  })
})

test('a folder that others cannot enter is named', () => {
  mkdirSync(`${folder}/closed/inside`, { recursive: true })
  chmodSync(`${folder}/closed`, 0o700)
  writeFileSync(`${folder}/closed/inside/file`, '', { mode: 0o755 })
  expect(closedTo(`${folder}/closed/inside/file`)).toBe(`${folder}/closed`)
  expect(closedFolder(`${folder}/closed/inside`)).toBe(`${folder}/closed`)
  expect(closedFolder(folder)).toBeNull()
})
