/** What an environment on Kubernetes is bound to: the shape that `tow env add` asks for and `tow doctor` checks. */
import * as z from 'zod'

const DnsName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 'a DNS name in lower case')
const Label = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'a name as Kubernetes wants it')

export const KubernetesSettings = z.object({
  /** Path of the kubeconfig; several with colons between. */
  kubeconfig: z.string().min(1).max(4096),
  /** A context in it; the current one is never changed. */
  context: z.string().min(1).max(253),
  namespace: Label,
  /** Apps answer at `<app>.<domain>`; none: only calls from inside the cluster. */
  domain: DnsName.nullable().default(null),
  /** Where people reach the Gateway, where that is not port 80: `https`, and another port. */
  scheme: z.enum(['http', 'https']).default('http'),
  port: z.int().min(1).max(65_535).optional(),
  gateways: z
    .array(
      z.object({
        name: Label,
        namespace: Label.optional(),
        sectionName: DnsName.optional(),
        port: z.int().min(1).max(65_535).optional(),
      }),
    )
    .max(8)
    .default([]),
  /** How long a Gateway may take from saying that it has a route to obeying it. */
  routeLagMilliseconds: z.int().min(0).max(60_000).default(1500),
  /** Architecture of the nodes, where they cannot be read. */
  arch: z.enum(['x64', 'arm64']).optional(),
  /** The platform engineer's own values of `charts/app`. */
  values: z.record(z.string(), z.unknown()).default({}),
})
export type KubernetesSettings = z.infer<typeof KubernetesSettings>
