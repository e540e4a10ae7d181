/** What a backup holds, in words. */
import type { Manifest } from '../backups/file.ts'
import type { Terminal } from './terminal/terminal.ts'
import { bytes, columns } from './terminal/text.ts'

export function sayManifest(terminal: Terminal, manifest: Manifest): void {
  terminal.say(
    columns(
      manifest.parts.map(({ name, files, bytes: size }) => [
        name,
        files === 1 ? '1 file' : `${files} files`,
        bytes(size),
      ]),
      '  ',
    ),
  )
  const damaged = manifest.parts.find(({ name }) => name === 'blobs')?.about.damaged
  if (!Array.isArray(damaged) || damaged.length === 0) return
  const count = damaged.length === 1 ? '1 damaged blob is' : `${damaged.length} damaged blobs are`
  terminal.say(
    terminal.tint('yellow', `${count} not in it: ship again what used them; tow doctor tells more`),
  )
}

/** One line that is drawn again while `done` grows; nothing where nobody looks. */
export function progress(terminal: Terminal): { show(text: string): void; clear(): void } {
  let shownAt = 0
  return {
    show(text) {
      if (!terminal.live || Date.now() - shownAt < 100) return
      shownAt = Date.now()
      terminal.draw(`\r\u001b[2K${text}`)
    },
    clear() {
      if (terminal.live) terminal.draw('\r\u001b[2K')
    },
  }
}
