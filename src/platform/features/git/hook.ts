/**
 * How Git asks the platform whether a push may pass. Its pre-receive hook is a few lines of shell that only relay:
 * three pipes, handed down from the platform through `git http-backend`, carry the question, the words for the person,
 * and the verdict. So the hook needs no address, no token and no program of ours, and a platform that died says no.
 */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type RefChange, readChanges } from './rules.ts'

/** File descriptors in the hook. */
export const QUESTION = 3
export const WORDS = 4
export const VERDICT = 5

const SCRIPT = `#!/bin/sh
# Asks the platform, relays what it says, and ends as it decides. Written anew at every start of the platform.
{ printf '%s\\n' "\${GIT_QUARANTINE_PATH:-objects}"; cat; echo; } >&${QUESTION} || exit 1
cat <&${WORDS} >&2
read -r verdict <&${VERDICT}
[ "$verdict" = accepted ]
`

export async function writeHooks(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.pre-receive-${process.pid}`)
  await writeFile(temporary, SCRIPT)
  await chmod(temporary, 0o755)
  await rename(temporary, join(folder, 'pre-receive'))
}

export interface Pipes {
  question: Readable
  words: Writable
  verdict: Writable
}

export interface Question {
  /** Where the objects of the push are for now, absolute or relative to the repository. */
  incoming: string
  changes: RefChange[]
}

/** Resolves with null where Git ended without asking: nothing arrived, or it was refused by Git itself. */
export async function readQuestion({ question }: Pipes): Promise<Question | null> {
  let text = ''
  question.setEncoding('utf8')
  try {
    for await (const chunk of question) {
      text += chunk
      const end = text.indexOf('\n\n')
      if (end < 0) continue
      const [incoming, ...lines] = text.slice(0, end).split('\n')
      const changes = readChanges(lines)
      return changes && incoming ? { incoming, changes } : null
    }
  } catch {
    // The pipe broke with the process.
  }
  return null
}

export function answer({ words, verdict }: Pipes, accepted: boolean): void {
  words.end()
  verdict.end(accepted ? 'accepted\n' : 'refused\n')
}
