import type { Schema } from '../openapi.ts'

const DEEPEST = 4

/** A schema as a developer would write the type down; `$ref`s stay names. */
export function shape(schema: Schema, depth = 0): string {
  if (schema.$ref) return schema.$ref.split('/').at(-1)!
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return [...new Set(alternatives.map((one) => shape(one, depth)))].join(' | ')
  if (Array.isArray(schema.type)) return schema.type.join(' | ')
  if (schema.type === 'array') return arrayShape(schema, depth)
  if (schema.type === 'object' || schema.properties) return objectShape(schema, depth)
  return schema.type ?? 'any'
}

function arrayShape({ items }: Schema, depth: number): string {
  const inner = items ? shape(items, depth) : 'any'
  return items?.anyOf || items?.oneOf || items?.enum ? `(${inner})[]` : `${inner}[]`
}

function objectShape(schema: Schema, depth: number): string {
  const fields = Object.entries(schema.properties ?? {})
  if (fields.length === 0) {
    const values = schema.additionalProperties
    return typeof values === 'object' ? `{ [name]: ${shape(values, depth)} }` : '{}'
  }
  if (depth >= DEEPEST) return '{ … }'
  const indent = '  '.repeat(depth + 1)
  const lines = fields.map(([name, field]) => {
    const optional = schema.required?.includes(name) ? '' : '?'
    const fallback = field.default === undefined ? '' : `  = ${JSON.stringify(field.default)}`
    return `${indent}${name}${optional}: ${shape(field, depth + 1)}${fallback}`
  })
  return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`
}
