import { beforeEach, expect, test } from 'vitest'
import { hasHelm, type Manifest, render, WITHOUT_HELM } from '../../../../test/manifests/helm.ts'
import { NEEDED } from './permissions.ts'

beforeEach(({ skip }) => skip(!hasHelm, WITHOUT_HELM))

test('namespaces of full spaces are given the same', async () => {
  const objects = await render('access', { user: 'ann', spaces: true })
  const role = objects.find(({ kind }) => kind === 'Role') as Manifest
  const inSpaces = objects.find(({ metadata }) => metadata.name === 'towpath-space-stage') as Manifest
  expect(inSpaces).toMatchObject({ kind: 'ClusterRole', rules: role.rules })
})

test('what is asked for is what the Role gives, verb by verb', async () => {
  const objects = await render('access', { user: 'ann' })
  const { rules } = objects.find(({ kind }) => kind === 'Role') as Manifest
  const given = rules.flatMap(({ apiGroups, resources, verbs }: Manifest) =>
    apiGroups.map((group: string) => ({ group, resources, verbs })),
  )
  expect(NEEDED).toEqual(given)
})
