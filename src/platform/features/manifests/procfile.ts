import { emptyDeclaration, type PartialDeclaration, type Problem } from './declaration.ts'
import { isName, toName } from './names.ts'

const LINE = /^([A-Za-z0-9_-]+):[ \t]*(.*)$/

/** Reads a Procfile as Heroku does: `<name>: <command>`, one a line, `release` runs once per release. */
export function readProcfile(
  file: string,
  text: string,
): { declaration: PartialDeclaration; problems: Problem[]; notes: Problem[] } {
  const declaration = emptyDeclaration()
  const problems: Problem[] = []
  const notes: Problem[] = []
  const seen = new Map<string, number>()
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = index + 1
    const trimmed = raw.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const column = raw.length - raw.trimStart().length + 1
    const match = LINE.exec(trimmed)
    if (!match) {
      problems.push({
        file,
        line,
        column,
        message: `"${short(trimmed)}" is not "<name>: <command>"`,
        hint: 'For example: web: node server.js',
      })
      continue
    }
    const [, written, rest] = match as unknown as [string, string, string]
    const command = rest.trim()
    const name = isName(written) ? written : toName(written)
    if (command === '') {
      problems.push({ file, line, column: column + written.length + 1, message: `${written} has no command` })
      continue
    }
    if (command.length > 8192) {
      problems.push({
        file,
        line,
        column,
        message: `the command of ${written} has ${command.length} characters: at most 8192 are allowed`,
      })
      continue
    }
    if (seen.has(name)) {
      problems.push({
        file,
        line,
        column,
        message: `${written} stands here twice, first in line ${seen.get(name)}`,
      })
      continue
    }
    seen.set(name, line)
    if (name !== written)
      notes.push({ file, line, column, message: `the process ${written} is called ${name} here` })
    if (name === 'release') declaration.releaseCommand = command
    else declaration.processes[name] = { command }
  }
  return { declaration, problems, notes }
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
