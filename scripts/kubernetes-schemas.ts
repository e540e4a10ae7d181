/**
 * Takes from a Kubernetes release what the chart's tests need to know of it: the shapes of the kinds that it renders.
 * Usage: kubernetes-schemas.ts <swagger.json of a release> <folder of the Gateway API's CRDs> <file to write>
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

interface Schema {
  $ref?: string
  type?: string
  format?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema | boolean
  required?: string[]
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[]
  'x-kubernetes-int-or-string'?: boolean
}

const KINDS = [
  'v1/ServiceAccount',
  'v1/Service',
  'v1/Secret',
  'apps/v1/Deployment',
  'batch/v1/Job',
  'batch/v1/CronJob',
  'policy/v1/PodDisruptionBudget',
  'autoscaling/v2/HorizontalPodAutoscaler',
  'networking.k8s.io/v1/NetworkPolicy',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
]

const [swagger, gateway, out] = process.argv.slice(2)
if (!swagger || !gateway || !out) throw new Error('usage: kubernetes-schemas.ts <swagger.json> <crds> <out>')
const { definitions } = JSON.parse(readFileSync(swagger, 'utf8')) as { definitions: Record<string, Schema> }
const kept: Record<string, Schema> = {}
const kinds: Record<string, Schema> = {}

for (const [name, definition] of Object.entries(definitions)) {
  for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
    const id = [group, version, kind].filter(Boolean).join('/')
    if (KINDS.includes(id)) kinds[id] = keep(name)
  }
}
for (const file of readdirSync(gateway).filter((name) =>
  /_(httproutes|grpcroutes|referencegrants)\.yaml$/.test(name),
)) {
  for (const document of parseAllDocuments(readFileSync(join(gateway, file), 'utf8'))) {
    const { spec } = document.toJS() as {
      spec: {
        group: string
        names: { kind: string }
        versions: { name: string; schema: { openAPIV3Schema: Schema } }[]
      }
    }
    // What is not in v1 yet everywhere is asked for as before.
    const wanted = spec.names.kind === 'ReferenceGrant' ? 'v1beta1' : 'v1'
    const version = spec.versions.find(({ name }) => name === wanted)
    if (!version) continue
    const schema = plain(version.schema.openAPIV3Schema)
    kinds[`${spec.group}/${wanted}/${spec.names.kind}`] = {
      ...schema,
      properties: { ...schema.properties, metadata: keep('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') },
    }
  }
}
writeFileSync(out, `${JSON.stringify({ kinds, definitions: kept })}\n`)

function keep(name: string): Schema {
  if (!kept[name]) {
    kept[name] = {}
    kept[name] = plain(definitions[name] ?? {})
  }
  return { $ref: name }
}

/** Without descriptions, and with what it refers to kept too. */
function plain(schema: Schema): Schema {
  if (schema.$ref) return keep(schema.$ref.replace('#/definitions/', ''))
  const { properties, items, additionalProperties } = schema
  const isEither = schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string'
  const type = isEither ? 'int-or-string' : schema.type
  return {
    ...(type ? { type } : {}),
    ...(schema.required ? { required: schema.required } : {}),
    ...(items ? { items: plain(items) } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: plain(additionalProperties) }
      : {}),
    ...(properties
      ? { properties: Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, plain(one)])) }
      : {}),
  }
}
