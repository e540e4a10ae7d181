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
