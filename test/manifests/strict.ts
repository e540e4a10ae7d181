/** Holds a manifest against the shapes of a Kubernetes release: a field that it does not know is a fault. */
import { readFileSync } from 'node:fs'

interface Schema {
  $ref?: string
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  required?: string[]
}

export interface Shapes {
  kinds: Record<string, Schema>
  definitions: Record<string, Schema>
}

/** The oldest and the newest release that the chart is made for. */
export const RELEASES = ['1.30', '1.36'] as const

export function shapesOf(release: (typeof RELEASES)[number]): Shapes {
  return JSON.parse(readFileSync(new URL(`kubernetes-${release}.json`, import.meta.url), 'utf8')) as Shapes
}

/** One sentence per fault; none where the release takes the manifest. */
export function faults(shapes: Shapes, manifest: { apiVersion: string; kind: string }): string[] {
  const id = `${manifest.apiVersion}/${manifest.kind}`
  const schema = shapes.kinds[id]
  return schema ? walk(shapes, schema, manifest, id) : [`${id} is not known`]
}

function walk(shapes: Shapes, given: Schema, value: unknown, path: string): string[] {
  const schema = given.$ref ? (shapes.definitions[given.$ref] as Schema) : given
  const { type, properties, items, additionalProperties, required } = schema
  if (type === 'array' && items) {
    if (!Array.isArray(value)) return [`${path} is no list`]
    return value.flatMap((item, index) => walk(shapes, items, item, `${path}[${index}]`))
  }
  if (properties || additionalProperties || type === 'object') {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return [`${path} is no map`]
    const missing = (required ?? [])
      .filter((key) => !(key in value))
      .map((key) => `${path}.${key} is missing`)
    const inside = Object.entries(value).flatMap(([key, one]) => {
      const shape = properties?.[key] ?? additionalProperties
      if (shape) return walk(shapes, shape, one, `${path}.${key}`)
      return properties ? [`${path}.${key} is not known`] : []
    })
    return [...missing, ...inside]
  }
  return isOfType(type, value) ? [] : [`${path} is ${JSON.stringify(value)}, which is no ${type}`]
}

function isOfType(type: string | undefined, value: unknown): boolean {
  if (type === 'string') return typeof value === 'string'
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'number') return typeof value === 'number'
  if (type === 'boolean') return typeof value === 'boolean'
  return typeof value === 'string' || typeof value === 'number'
}
