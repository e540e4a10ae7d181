import { expect, test } from 'vitest'
import type { KubeObject } from './cluster/kinds.ts'
import { fieldOwner } from './field-owner.ts'

const object = {
  metadata: {
    name: 'web',
    annotations: { 'deployment.kubernetes.io/revision': '2' },
    managedFields: [
      {
        manager: 'kubectl-scale',
        time: '2026-01-01T10:00:00Z',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      },
      {
        manager: 'towpath',
        time: '2026-01-01T09:00:00Z',
        fieldsV1: {
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': { 'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:image': {} } } },
            },
          },
        },
      },
      {
        manager: 'kubectl-edit',
        time: '2026-01-01T09:30:00Z',
        fieldsV1: {
          'f:spec': {
            'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"side"}': { 'f:image': {} } } } },
            'f:replicas': {},
          },
        },
      },
      {
        manager: 'kube',
        time: '2026-01-01T11:00:00Z',
        fieldsV1: {
          'f:metadata': { 'f:annotations': { 'f:deployment.kubernetes.io/revision': {} } },
          'f:status': {},
        },
      },
    ],
  },
  spec: { replicas: 3, template: { spec: { containers: [{ name: 'app' }, { name: 'side' }] } } },
} as unknown as KubeObject

const owner = (...steps: (string | number)[]) => fieldOwner(object, steps, 'towpath')
const image = (at: number) => owner('spec', 'template', 'spec', 'containers', at, 'image')

test('whoever wrote the field last is named, and not whoever wrote to the object last', () => {
  expect(owner('spec', 'replicas')).toBe('kubectl-scale')
  expect(owner('metadata', 'annotations', 'deployment.kubernetes.io/revision')).toBe('kube')
})

test('items of a list are told from each other by their keys', () => {
  expect([image(0), image(1)]).toEqual([null, 'kubectl-edit'])
})

test('whoever has a field with nothing below has all in it, and of what is nobody’s nobody is named', () => {
  expect(owner('status', 'conditions', 0, 'type')).toBe('kube')
  expect(owner('spec', 'paused')).toBe(null)
})
