import { expect, test } from 'vitest'
import { readManifests } from '../manifests/index.ts'
import { imageApp } from './image.ts'

const nothing = readManifests({ files: {}, paths: [], folderName: 'folder' })
const declared = readManifests({
  files: { 'tow.yaml': 'version: 1\napps:\n  shop: { path: . }\n  hall: { path: . }\n' },
  paths: ['tow.yaml'],
  folderName: 'folder',
})
const named = (reference: string, wanted?: string[]) => imageApp(nothing, reference, wanted).name

test('an image names its app where no file and no person does', () => {
  expect(named('ghcr.io/team/shop:1.4')).toBe('shop')
  expect(named(`registry:5000/my_app@sha256:${'a'.repeat(64)}`)).toBe('my-app')
  expect(named('nginx')).toBe('nginx')
  expect(named('ghcr.io/team/shop:1.4', ['hall'])).toBe('hall')
})

test('where files declare apps it is of one of those, and of one alone', () => {
  expect(imageApp(declared, 'ghcr.io/team/shop:1', ['hall']).name).toBe('hall')
  expect(() => imageApp(declared, 'ghcr.io/team/shop:1', undefined)).toThrow('an image is of one app')
  expect(() => imageApp(declared, 'ghcr.io/team/shop:1', ['other'])).toThrow('declares no app other')
})
