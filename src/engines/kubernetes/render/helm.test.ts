import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { EVERYTHING } from '../../../../test/manifests/everything.ts'
import { chartFolder, HELMS } from '../../../../test/manifests/helm.ts'
import { createRenderer } from './helm.ts'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

/** The version of one helm, and what the engine renders with it. */
async function renderWith(program: string) {
  const folder = await mkdtemp(join(tmpdir(), 'tow-helm-'))
  folders.push(folder)
  await symlink(program, join(folder, 'helm'))
  const renderer = createRenderer({ chart: chartFolder('app'), cache: join(folder, 'cache'), path: folder })
  const objects = await renderer.render({ name: 'shop', namespace: 'stage', values: EVERYTHING })
  return { version: await renderer.version(), objects, folder }
}

test('the engine renders the same with Helm 3 and with Helm 4', async ({ skip }) => {
  const rendered = await Promise.all(HELMS.map(renderWith))
  const majors = new Set(rendered.map(({ version }) => version.slice(0, 2)))
  skip(
    !majors.has('v3') || !majors.has('v4'),
    'Helm 3 and Helm 4 (helm, helm3, helm4) are not both on the PATH',
  )
  const sorted = rendered.map(({ objects }) =>
    [...objects].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1)),
  )
  for (const objects of sorted) expect(objects).toEqual(sorted[0])
  for (const { folder } of rendered) {
    const words = ['lint', '--strict', chartFolder('app'), '--kube-version', '1.30.0']
    const { stdout } = await promisify(execFile)(join(folder, 'helm'), words)
    expect(stdout).toContain('0 chart(s) failed')
  }
})

test('releases of the same shape are rendered once, and each gets its own images and config', async ({
  skip,
}) => {
  const program = HELMS[0]
  skip(program === undefined, 'no helm is on the PATH')
  const folder = await mkdtemp(join(tmpdir(), 'tow-helm-'))
  folders.push(folder)
  const cache = join(folder, 'cache')
  await symlink(program!, join(folder, 'helm'))
  const values = (image: string, config: string) => ({
    ...EVERYTHING,
    sets: {
      'v12.blue': { ...EVERYTHING.sets['v12.blue'], image: `r:5000/shop@sha256:${image.repeat(64)}` },
      v11: {
        ...EVERYTHING.sets.v11,
        image: 'r:5000/shop@sha256:ab',
        config: [`shop--config-${config.repeat(10)}`],
      },
    },
  })
  const render = (given: object, path: string) =>
    createRenderer({ chart: chartFolder('app'), cache, path }).render({
      ...{ name: 'shop', namespace: 'stage', values: given },
    })
  const whole = JSON.stringify(await render(values('a', 'b'), folder))
  expect(await readdir(cache)).toHaveLength(1)
  // Without any helm: nothing is rendered anew.
  const other = JSON.stringify(await render(values('c', 'd'), ''))
  expect(other).toContain(`r:5000/shop@sha256:${'c'.repeat(64)}`)
  expect(other).toContain('shop--config-dddddddddd')
  expect(other).toBe(
    whole.replaceAll('a'.repeat(64), 'c'.repeat(64)).replaceAll('b'.repeat(10), 'd'.repeat(10)),
  )
  const plain = { ...values('a', 'b'), sets: { ...values('a', 'b').sets, v11: EVERYTHING.sets.v11 } }
  expect(JSON.stringify(await render(plain, folder))).not.toContain('shape')
  expect(await readdir(cache)).toHaveLength(2)
})

const keyOf = ({ kind, metadata }: { kind: string; metadata: { name: string } }) => `${kind} ${metadata.name}`
