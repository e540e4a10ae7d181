/** The exact manifests of a target as YAML, for GitOps and audits. Values of the config stay where they are. */
import { stringify } from 'yaml'
import type { Target } from '../engine.ts'
import type { KubeObject } from './cluster/kinds.ts'
import { LABEL, nameOf } from './names.ts'
import { type Stored, setsOf } from './stored.ts'

export function manifestsOf(
  target: Target,
  stored: Stored,
  namespace: string,
  objects: readonly KubeObject[],
  /** Listeners of its own on Gateways of others. */
  gateways: readonly KubeObject[],
): string {
  const head = [
    `# ${nameOf(target)} in ${target.environment}, generation ${stored.generation}, for the namespace ${namespace}.`,
    '# The values of config Secrets are not shown: make those Secrets beside these manifests.',
  ]
  const secrets = setsOf(stored).map((set) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: set.config,
      namespace,
      labels: { [LABEL.managedBy]: 'towpath', [LABEL.app]: nameOf(target), [LABEL.kind]: 'config' },
    },
    type: 'Opaque',
    immutable: true,
    stringData: Object.fromEntries(set.keys.map((key) => [key, 'hidden'])),
  }))
  const unique = [...new Map(secrets.map((secret) => [secret.metadata.name, secret])).values()]
  return [
    `${head.join('\n')}\n`,
    ...[...unique, ...objects].map((object) => `---\n${stringify(object)}`),
    ...gateways.map((gateway) => `---\n${LISTENERS_ALONE}\n${stringify(gateway)}`),
  ].join('')
}

const LISTENERS_ALONE = `# The Gateway is its owner's: of it these listeners alone. Apply them on the server's side, so that all others stay:
# kubectl apply --server-side --field-manager towpath-domains`
