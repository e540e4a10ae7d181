/** Tests on a cluster wait for most of their time: begun first, they wait while the others work. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const ON_CLUSTER = /kubernetes|chart-cluster/

export default class ClusterFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isFirst = ({ moduleId }: TestSpecification) => ON_CLUSTER.test(moduleId)
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))]
  }
}
