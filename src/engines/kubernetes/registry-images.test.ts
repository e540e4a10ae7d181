import { expect, test } from 'vitest'
import type { Artifact } from '../../api/app-spec.ts'
import type { Images } from '../../images/index.ts'
import { createRegistryImages } from './registry-images.ts'

const target = { app: 'shop', environment: 'stage' }

test('whoever asks for an image that is sent ahead is told its name at once, and nothing is sent twice', async () => {
  const gate = Promise.withResolvers<void>()
  let pushes = 0
  const images = {
    async push({ named }: Parameters<Images['push']>[0]) {
      pushes += 1
      named?.('r/shop@sha256:1')
      await gate.promise
      return { reference: 'r/shop@sha256:1' }
    },
  } as unknown as Images
  const source = createRegistryImages({
    ...{ images, lookUp: images.resolve, registry: 'r', bases: {} },
    content: { blobs: {} } as never,
    platform: async () => ({ os: 'linux', arch: 'x64' }),
  })
  const artifact = { digest: 'a' } as Artifact
  const ahead = source.reference(artifact, target)
  const named = Promise.withResolvers<string>()
  const asked = source.reference(artifact, target, named.resolve)
  expect(await named.promise).toBe('r/shop@sha256:1')
  gate.resolve()
  expect(await Promise.all([ahead, asked])).toEqual(['r/shop@sha256:1', 'r/shop@sha256:1'])
  expect(pushes).toBe(1)
})

test('base images that were named are looked at, and the registry also while the cluster does not answer', async () => {
  const images = {
    check: async () => [],
    lacks: async (name: string) =>
      name === 'r/none:1' ? { code: 'base-image', message: 'no', hint: 'mend' } : null,
  } as unknown as Images
  const checks = (bases: Record<string, string>, platform: () => Promise<{ os: 'linux'; arch: 'x64' }>) =>
    createRegistryImages({
      ...{ images, lookUp: images.resolve, registry: 'r', bases, platform },
      content: { blobs: {} } as never,
    }).check()
  const answers = async () => ({ os: 'linux', arch: 'x64' }) as const
  const registry = { name: 'registry', ok: true, message: 'r takes what is pushed' }
  expect(await checks({ node: 'r/none:1', python: 'r/python:{minor}' }, answers)).toEqual([
    registry,
    { name: 'base images', ok: false, message: 'no', mend: 'mend' },
  ])
  expect(await checks({ node: 'r/node:24' }, answers)).toEqual([
    registry,
    { name: 'base images', ok: true, message: 'r/node:24 can be had' },
  ])
  const away = () => Promise.reject(new Error('away'))
  expect(await checks({ node: 'r/node:24' }, away)).toEqual([registry])
})
