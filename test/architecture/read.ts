/** What each source file imports, in whatever form: static, dynamic, of types, re-exported. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { parseSync } from 'oxc-parser'

export interface Import {
  /** Relative to the project: `src/api/names.ts`. */
  from: string
  /** The same for a file of ours, else the package: `zod`, `node:fs`, `@orpc/contract`. */
  to: string
  line: number
  /** `load`: Node loads it with the file; `type`: gone before anything runs; `lazy`: loaded when called. */
  how: 'load' | 'type' | 'lazy'
}

export interface SourceFile {
  path: string
  imports: Import[]
  /** Lines that read the environment. */
  environment: number[]
}

export function readSources(root: string, folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
    .map((path) => readSource(path, readFileSync(join(root, path), 'utf8')))
}

export function readSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} can't be parsed: ${errors[0]!.message}`)
  const file: SourceFile = { path, imports: [], environment: [] }
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length
  walk(program as unknown as Node, (node) => {
    const specifier = importedBy(node)
    if (specifier !== null) {
      file.imports.push({
        from: path,
        to: resolve(path, specifier),
        line: lineOf(node.start),
        how: howImported(node),
      })
    }
    if (readsEnvironment(node)) file.environment.push(lineOf(node.start))
  })
  return file
}

interface Node {
  type: string
  start: number
  [field: string]: unknown
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  for (const field of Object.values(node)) {
    for (const inner of Array.isArray(field) ? field : [field]) {
      if (inner !== null && typeof inner === 'object' && typeof inner.type === 'string') walk(inner, visit)
    }
  }
}

const IMPORTING = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
])

function importedBy(node: Node): string | null {
  if (!IMPORTING.has(node.type)) return null
  const source = (node.source ?? node.argument) as { value?: unknown; literal?: { value?: unknown } } | null
  const value = source?.value ?? source?.literal?.value
  return typeof value === 'string' ? value : null
}

function howImported({ type, importKind, exportKind }: Node): Import['how'] {
  if (type === 'ImportExpression') return 'lazy'
  return type === 'TSImportType' || importKind === 'type' || exportKind === 'type' ? 'type' : 'load'
}

function readsEnvironment(node: Node): boolean {
  if (node.type !== 'MemberExpression') return false
  const { object, property } = node as unknown as { object: { name?: string }; property: { name?: string } }
  return object.name === 'process' && property.name === 'env'
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(dirname(from), specifier)
  if (specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
