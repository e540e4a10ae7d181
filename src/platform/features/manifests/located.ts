import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import type { Problem } from './declaration.ts'
import { positionsOfJson } from './json-positions.ts'

export interface Position {
  line: number
  column: number
}

/** A parsed file whose every part knows where it stands. */
export interface Located {
  value: unknown
  /** Of the key or the value at a path; the nearest enclosing part where the path does not exist. */
  at(path: readonly PropertyKey[], part?: 'key' | 'value'): Position
}

export type Read = { located: Located; problems: [] } | { located: null; problems: Problem[] }

/** Reads YAML; every syntax error becomes a problem with its place. */
export function readYaml(file: string, text: string): Read {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  if (document.errors.length > 0) {
    return {
      located: null,
      problems: document.errors.map((error) => ({
        file,
        ...place(error.pos[0]),
        message: yamlMessage(error),
      })),
    }
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return { located: null, problems: [{ file, ...place(0), ...aliasProblem(error as Error, text, place) }] }
  }
  const at = (path: readonly PropertyKey[], part: 'key' | 'value' = 'value'): Position => {
    let node = document.contents as Node | null
    let found: Node | null = node
    for (const [index, key] of path.entries()) {
      const pair: Pair<Node, Node> | Node | undefined = isMap(node)
        ? (node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key)) as Pair<
            Node,
            Node
          >)
        : isSeq(node)
          ? (node.items[Number(key)] as Node)
          : undefined
      if (pair === undefined) break
      const last = index === path.length - 1
      if (isPair(pair)) {
        found = (last && part === 'key') || !pair.value?.range ? (pair.key as Node) : (pair.value as Node)
        node = pair.value as Node | null
      } else {
        found = pair
        node = pair
      }
    }
    return place(found?.range?.[0] ?? 0)
  }
  return { located: { value, at }, problems: [] }
}

/** Aliases are resolved last: one without an anchor, or so many that the text would explode. */
function aliasProblem(error: Error, text: string, place: (offset: number) => Position) {
  const name = /Unresolved alias.*: (\S+)$/.exec(error.message)?.[1]
  if (name === undefined) return { message: `this cannot be read: ${error.message}` }
  return { ...place(text.indexOf(`*${name}`)), message: `the alias *${name} has no anchor before it` }
}

function yamlMessage(error: { code: string; message: string }): string {
  if (error.code === 'MULTIPLE_DOCS') return 'there is a second document (after ---), and one is allowed'
  if (error.code === 'DUPLICATE_KEY') return 'this key stands here twice'
  if (error.code === 'TAB_AS_INDENT') return 'a tab cannot indent YAML: use spaces'
  const sentence = error.message.split('\n')[0]!
  return `this is not valid YAML: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}

/** Reads JSON strictly; the first syntax error becomes a problem with its place. */
export function readJson(file: string, text: string): Read {
  const scanned = positionsOfJson(text)
  const place = (offset: number): Position => {
    const before = text.slice(0, offset)
    return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
  }
  if ('error' in scanned) {
    return {
      located: null,
      problems: [{ file, ...place(scanned.offset), message: `this is not valid JSON: ${scanned.error}` }],
    }
  }
  const at = (path: readonly PropertyKey[], part: 'key' | 'value' = 'value'): Position => {
    for (let length = path.length; length >= 0; length -= 1) {
      const found = scanned.positions.get(path.slice(0, length).map(String).join('\0'))
      if (found) return place(part === 'key' && length === path.length ? found.key : found.value)
    }
    return place(0)
  }
  return { located: { value: JSON.parse(text), at }, problems: [] }
}
