/** Where the example goes: two environments of this machine, or two namespaces of a cluster. */
import { parseArgs } from 'node:util'

export interface Places {
  first: string
  second: string
  /** `tow env add` of each that may be missing. */
  added: { name: string; words: string[] }[]
  /** Address that names under the domain lead to, where the DNS does not say. */
  resolve: string | null
}

const HERE: Places = { first: 'stage', second: 'prod', added: [], resolve: null }
const OPTIONS = {
  kubernetes: { type: 'boolean' },
  context: { type: 'string' },
  registry: { type: 'string' },
  domain: { type: 'string' },
  postgres: { type: 'string' },
  namespace: { type: 'string', default: 'inspections' },
  resolve: { type: 'string' },
  kubeconfig: { type: 'string' },
  gateway: { type: 'string' },
  base: { type: 'string', multiple: true },
  'plain-registry': { type: 'boolean' },
} as const

/** Of `npm start`, or of `npm run start:kubernetes`; throws with one sentence. */
export function readPlaces(args: readonly string[]): Places {
  const { values } = parseArgs({ args: [...args], options: OPTIONS })
  if (!values.kubernetes) return HERE
  const { namespace, domain } = values
  for (const name of ['context', 'registry', 'domain', 'postgres'] as const) {
    if (values[name] === undefined)
      throw new Error(
        `--${name} is missing: npm run start:kubernetes -- --context <name> --registry <place> --domain <name> --postgres <url>`,
      )
  }
  const shared = (['context', 'registry', 'postgres', 'kubeconfig', 'gateway'] as const).flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}`, values[name]],
  )
  const bases = (values.base ?? []).flatMap((base) => ['--base', base])
  const plain = values['plain-registry'] ? ['--plain-registry'] : []
  const added = ['stage', 'prod'].map((name) => ({
    name: `cluster-${name}`,
    words: [
      ...['--engine', 'kubernetes', '--namespace', `${namespace}-${name}`],
      ...['--domain', inDomain(domain!, name), ...shared, ...bases, ...plain],
    ],
  }))
  return { first: 'cluster-stage', second: 'cluster-prod', added, resolve: values.resolve ?? null }
}

/** Apps of two environments answer to different names: `stage.apps.example.com`. */
function inDomain(domain: string, name: string): string {
  return domain.replace(/^(https?:\/\/)?/, `$&${name}.`)
}
