/** What somebody changed past Towpath, settled in the console, and the ways back from either choice: on a real cluster. */
import { afterAll, beforeEach, expect, test } from 'vitest'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from './bind-cluster.ts'
import { describeConsole } from './console/suite.ts'

describeConsole('drift in the console', (opened) => {
  let cluster: TestCluster | undefined
  const main = () => opened.main()
  const deployment = () => `/apis/apps/v1/namespaces/${cluster!.namespace}/deployments/shop--web--v1`
  const scalePast = (replicas: number) =>
    cluster!.admin.request('PATCH', deployment(), {
      query: { fieldManager: 'kubectl-scale' },
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas } },
    })
  const replicas = async () =>
    (await cluster!.admin.request<{ spec: { replicas: number } }>('GET', deployment())).spec.replicas
  const becomes = (count: number) => expect.poll(replicas, { timeout: 60_000 }).toBe(count)

  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))
  afterAll(async () => {
    await cluster?.dispose()
  })

  async function tow(...words: string[]) {
    const ended = await opened.world.person.tow(words, { cwd: opened.world.project })
    expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  }

  test('is seen on the page of environments, with who wrote it', async () => {
    cluster = await openTestCluster()
    await tow('env', 'add', 'live', '--before', 'stage', ...bindCluster(cluster))
    await tow('ship', '-e', 'live')
    await scalePast(2)
    await opened.signIn()
    await opened.goto('/environments')
    await main()
      .getByText('spec.replicas is 2, asked for is 1 (changed by kubectl-scale)')
      .waitFor({ timeout: 60_000 })
  })

  test('is put back, and the undo keeps it instead', async () => {
    await main().getByRole('button', { name: 'Put back shop in live' }).click()
    await opened.agree('Put back', 'tow drift --mend -a shop -e live')
    await opened.told('shop in live is being put back')
    await becomes(1)
    await opened.undo('Keep it instead')
    await opened.told('shop in live is as somebody had made it')
    await becomes(2)
  })

  test('is kept, and the undo puts it back to what was asked for before', async () => {
    await scalePast(3)
    await main().getByRole('button', { name: 'Keep shop in live' }).click({ timeout: 60_000 })
    await opened.agree('Keep', 'tow drift --adopt -a shop -e live')
    await opened.told('shop in live is kept as it is')
    await opened.undo('Put it back')
    await opened.told('shop in live is as it was asked for before')
    await becomes(2)
  })
})
