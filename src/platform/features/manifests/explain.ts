import * as z from 'zod'
import { nearest } from '../../../api/nearest.ts'
import type { Problem } from './declaration.ts'
import type { Located } from './located.ts'

type Issue = z.core.$ZodIssue
type Path = PropertyKey[]

/** Every mistake that a schema found in a file, each with its place, its value and what is expected. */
export function explain(file: string, located: Located, schema: z.ZodType, error: z.ZodError): Problem[] {
  return error.issues
    .flatMap((issue) => flatten(issue, []))
    .flatMap(({ issue, path }) => problemsOf(file, located, schema, issue, path))
    .sort((left, right) => left.line! - right.line! || left.column! - right.column!)
}

/** Of a union only the branch that came closest speaks: one that did not already fail on the kind of value. */
function flatten(issue: Issue, prefix: Path): { issue: Issue; path: Path }[] {
  const path = [...prefix, ...issue.path]
  if (issue.code !== 'invalid_union') return [{ issue, path }]
  const branch = issue.errors.find(
    (issues) => !issues.some((one) => one.code === 'invalid_type' && one.path.length === 0),
  )
  return branch ? branch.flatMap((one) => flatten(one, path)) : [{ issue, path }]
}

function problemsOf(file: string, located: Located, schema: z.ZodType, issue: Issue, path: Path): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    return issue.keys.map((key) => {
      const meant = nearest(key, known)
      const where = path.length > 0 ? ` in ${dotted(path)}` : ''
      return {
        file,
        ...located.at([...path, key], 'key'),
        message: `${key} is not known${where}`,
        hint: meant ? `Did you mean ${meant}?` : `Known here: ${known.join(', ')}`,
      }
    })
  }
  if (issue.code === 'invalid_key') {
    const message = `${dotted(path)}: ${issue.issues[0]?.message ?? 'this name is not allowed'}`
    return [{ file, ...located.at(path, 'key'), message }]
  }
  const value = valueAt(located.value, path)
  if (value === undefined) {
    return [{ file, ...located.at(path), message: `${dotted(path)} is missing${reason(issue)}` }]
  }
  return [
    { file, ...located.at(path), message: `${dotted(path)} is ${shown(value, path)}: ${expectation(issue)}` },
  ]
}

/** Zod's own words for a wrong kind are replaced; messages of our schema stand as they are. */
function expectation(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    return `${KINDS[issue.expected] ?? issue.expected} is expected`
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid'))
    return `one of ${issue.values.map(String).join(', ')} is expected`
  if (issue.code === 'too_big' && issue.message.startsWith('Too big'))
    return `at most ${issue.maximum} are allowed`
  if (issue.code === 'too_small' && issue.message.startsWith('Too small'))
    return `at least ${issue.minimum} is needed`
  return issue.message
}

function reason(issue: Issue): string {
  return issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')
    ? ''
    : `: ${expectation(issue)}`
}

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of names to values',
}

/** Values of variables are not repeated: somebody may have put a secret there. */
function shown(value: unknown, path: Path): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (path.includes('env')) return typeof value === 'string' ? 'this text' : `a ${typeof value}`
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** `apps.web.processes`; the whole file has a name of its own. */
export function dotted(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.')
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  )
}

/** The keys that a schema knows at a path, for suggestions. */
function keysAt(schema: z.core.$ZodType, path: Path): string[] {
  const inner = objectIn(schema)
  if (inner instanceof z.ZodObject) {
    if (path.length === 0) return Object.keys(inner.shape)
    const next = inner.shape[String(path[0])] as z.core.$ZodType | undefined
    return next ? keysAt(next, path.slice(1)) : []
  }
  if (inner instanceof z.ZodRecord && path.length > 0) return keysAt(inner.valueType, path.slice(1))
  return []
}

function objectIn(schema: z.core.$ZodType): z.core.$ZodType | null {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return objectIn(schema.unwrap())
  if (schema instanceof z.ZodPipe) return objectIn(schema.in)
  if (schema instanceof z.ZodUnion) {
    return (
      schema.options
        .map(objectIn)
        .find((option) => option instanceof z.ZodObject || option instanceof z.ZodRecord) ?? null
    )
  }
  return schema
}
