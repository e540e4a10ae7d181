import { beforeEach, describe, test } from 'vitest'
import { layerDigests } from '../../images/layer.ts'
import { describeEngine } from '../conformance.ts'
import { AS_DRAINED, openTestCluster, withoutCluster } from './testing.ts'

if (withoutCluster !== null) {
  describe('the kubernetes engine', () => {
    beforeEach(({ skip }) => skip(true, withoutCluster as string))
    test('passes the conformance suite on a real cluster', () => {})
  })
} else {
  describeEngine(
    'kubernetes',
    async (content) => {
      const cluster = await openTestCluster()
      let engine = cluster.engine(content, AS_DRAINED)
      return {
        engine,
        fetch: cluster.fetch,
        async reopen() {
          await engine.close()
          engine = cluster.engine(content, AS_DRAINED)
          return engine
        },
        dispose: cluster.dispose,
      }
    },
    {
      patience: 120_000,
      digestLayer: (tree, blobs) => layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
      skips: {
        'closes the edge for maintenance with the sentence given, and opens it again, without a restart':
          'the Gateway API has no answer of its own making: recovery.cluster.test.ts sees the 503, without the sentence',
        'lets nobody wait for an event stream, which would not end by itself':
          'the Gateway counts the requests under way and does not tell',
        'runs a cron on its schedule and keeps what became of it':
          'Kubernetes starts crons by the minute, not by the second; cron.cluster.test.ts waits for one',
      },
    },
  )
}
