/**
 * The next life of a command, begun before its turn: Node is started, and no line of the app is read until it is told to go
 * on. It is the very command, with `WAITS` required first. Told by `AHEAD`: `<where to read> <where to tell> <word>`, two
 * file descriptors and the line to wait for; once it goes on it tells `begun <word>`, and is the app from then on.
 */

/** Of the environment; taken out of it before the app is there. */
export const AHEAD = 'TOW_AHEAD'

export const WAITS = `'use strict'
const { closeSync, readSync, writeSync } = require('node:fs')
const [go, tell, word] = process.env.${AHEAD}.split(' ')
delete process.env.${AHEAD}
delete process.env.NODE_OPTIONS
// An ES module that imports from it reads all of its properties, and this one loads most of what takes a small app its time.
void require('node:http').WebSocket
const bytes = Buffer.alloc(4096)
for (let said = ''; !said.split('\\n').includes(word); ) {
  const length = readSync(Number(go), bytes)
  if (length === 0) process.exit(1)
  said += bytes.toString('utf8', 0, length)
}
// Only what says so has gone on: one that was killed while it waited was no life of the app.
writeSync(Number(tell), \`begun \${word}\\n\`)
for (const descriptor of new Set([go, tell])) closeSync(Number(descriptor))
`

/** An option of Node may read a file too early, or open a debugger's port. */
export function mayBeginAhead(command: string, nodeOptions: string | undefined): boolean {
  return !nodeOptions && /^\s*node [\w./][\w./ -]*$/.test(command)
}

/** What `WAITS`, in that file, needs in the environment. */
export function aheadEnvironment(file: string, go: number, tell: number, word: string) {
  return { NODE_OPTIONS: `--require=${JSON.stringify(file)}`, [AHEAD]: `${go} ${tell} ${word}` }
}
