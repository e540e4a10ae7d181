/** Where the key and the value of one path begin. */
interface Place {
  key: number
  value: number
}

type Scanned = { positions: Map<string, Place> } | { error: string; offset: number }

const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside text
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SPACE = /[ \t\r\n]*/y

/**
 * Checks JSON and tells where every part begins, by path joined with NUL. `JSON.parse` gives values but no places, and
 * its errors name none in many cases.
 */
export function positionsOfJson(text: string): Scanned {
  const positions = new Map<string, Place>()
  let offset = text.charCodeAt(0) === 0xfeff ? 1 : 0
  const fail = (error: string) => Object.assign(new SyntaxError(error), { offset })
  const found = () => (offset >= text.length ? 'the end of the file' : JSON.stringify(text[offset]))

  const take = (pattern: RegExp): string => {
    pattern.lastIndex = offset
    const match = pattern.exec(text)?.[0] ?? ''
    offset += match.length
    return match
  }
  const key = (): string => {
    const taken = take(TEXT)
    if (taken === '') throw fail(`a key in double quotes is expected, not ${found()}`)
    return JSON.parse(taken) as string
  }
  const members = (path: string[], close: string, depth: number): void => {
    offset += 1
    take(SPACE)
    if (text[offset] === close) {
      offset += 1
      return
    }
    const seen = new Set<string>()
    for (let index = 0; ; index += 1) {
      take(SPACE)
      const start = offset
      let name = String(index)
      if (close === '}') {
        name = key()
        if (seen.has(name)) {
          offset = start
          throw fail(`the key ${JSON.stringify(name)} stands here twice`)
        }
        seen.add(name)
        take(SPACE)
        if (text[offset] !== ':') throw fail(`":" is expected after the key, not ${found()}`)
        offset += 1
        take(SPACE)
      }
      value([...path, name], start, depth + 1)
      take(SPACE)
      if (text[offset] === close) break
      if (text[offset] !== ',') throw fail(`"," or "${close}" is expected, not ${found()}`)
      offset += 1
    }
    offset += 1
  }
  const value = (path: string[], keyStart: number, depth: number): void => {
    if (depth > 200) throw fail('it is nested too deeply')
    positions.set(path.join('\0'), { key: keyStart, value: offset })
    const first = text[offset]
    if (first === '{') members(path, '}', depth)
    else if (first === '[') members(path, ']', depth)
    else if (take(first === '"' ? TEXT : LITERAL) === '') throw fail(`a value is expected, not ${found()}`)
  }

  try {
    take(SPACE)
    value([], offset, 0)
    take(SPACE)
    if (offset < text.length) throw fail(`nothing more is expected, not ${found()}`)
    return { positions }
  } catch (error) {
    if (error instanceof SyntaxError && 'offset' in error)
      return { error: error.message, offset: error.offset as number }
    throw error
  }
}
