/** How an environment on the tests' cluster is added: the words behind `tow env add <name>`. */
import type { TestCluster } from '../src/engines/kubernetes/testing.ts'

export function bindCluster({ kubeconfig, namespace }: TestCluster): string[] {
  const { TOW_TEST_REGISTRY, TOW_TEST_DOMAIN } = process.env
  return [
    ...['--engine', 'kubernetes', '--kubeconfig', kubeconfig, '--context', 'limited'],
    ...['--namespace', namespace, '--registry', `${TOW_TEST_REGISTRY}/${namespace}`, '--plain-registry'],
    ...['--domain', `${namespace}.${TOW_TEST_DOMAIN}`, '--gateway', 'gateway/public'],
    ...['--base', `node=${TOW_TEST_REGISTRY}/base/node:24`],
  ]
}
