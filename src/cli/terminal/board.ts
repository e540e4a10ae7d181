/**
 * Live progress: one line for each thing that is under way, redrawn in place where a person looks, and plain lines,
 * each printed once, where a log is kept.
 */
import type { Terminal } from './terminal.ts'
import { clip, columns } from './text.ts'

export interface BoardLine {
  name: string
  mark: 'waiting' | 'running' | 'done' | 'failed'
  text: string
}

export interface Board {
  set(name: string, mark: BoardLine['mark'], text: string): void
  /** Above the board in a terminal, in order in a log. */
  log(line: string): void
  close(): void
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

export function createBoard(terminal: Terminal): Board {
  const lines = new Map<string, BoardLine>()
  let frame = 0
  let drawn = 0
  const timer = terminal.live ? setInterval(redraw, 100) : null
  timer?.unref()

  function mark(line: BoardLine): string {
    if (line.mark === 'done') return terminal.tint('green', '✓')
    if (line.mark === 'failed') return terminal.tint('red', '✗')
    if (line.mark === 'waiting') return terminal.tint('dim', '·')
    return terminal.tint('cyan', terminal.live ? FRAMES[frame % FRAMES.length]! : '›')
  }

  function erase() {
    if (drawn > 0) terminal.draw(`\u001b[${drawn}A\u001b[0J`)
    drawn = 0
  }

  function redraw() {
    frame += 1
    erase()
    const room = Math.max(20, terminal.columns - 4)
    const nameWidth = Math.max(0, ...[...lines.keys()].map((name) => name.length))
    const rows = [...lines.values()].map((line) => [
      mark(line),
      line.name,
      clip(line.text, room - nameWidth - 2),
    ])
    if (rows.length === 0) return
    terminal.draw(`${columns(rows)}\n`)
    drawn = rows.length
  }

  return {
    set(name, state, text) {
      const before = lines.get(name)
      const line = { name, mark: state, text }
      lines.set(name, line)
      if (terminal.live) redraw()
      else if (before?.mark !== state || before.text !== text) terminal.say(`${mark(line)} ${name}  ${text}`)
    },
    log(line) {
      if (terminal.live) erase()
      terminal.say(line)
      if (terminal.live) redraw()
    },
    close() {
      if (timer) clearInterval(timer)
      if (terminal.live) redraw()
    },
  }
}
