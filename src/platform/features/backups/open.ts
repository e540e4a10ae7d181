/** Opens every part, and reads them in the reverse order, each closed as soon as it was read. */
import type { SourcePart } from '../../../backups/file.ts'
import type { BackupPart, OpenPart } from '../../kernel/backup.ts'

export interface OpenParts {
  parts(): AsyncIterable<SourcePart>
  /** Closes what was not read to its end. */
  close(): Promise<void>
}

export async function openParts(parts: readonly BackupPart[]): Promise<OpenParts> {
  const open: { name: string; part: OpenPart }[] = []

  async function close(): Promise<void> {
    for (let last = open.pop(); last; last = open.pop()) await last.part.close()
  }

  async function* read(): AsyncGenerator<SourcePart> {
    for (let last = open.at(-1); last; last = open.at(-1)) {
      const { name, part } = last
      yield { name, files: () => part.files(), about: () => part.about() }
      open.pop()
      await part.close()
    }
  }

  try {
    for (const { name, open: begin } of parts) open.push({ name, part: await begin() })
  } catch (error) {
    await close()
    throw error
  }
  return { parts: read, close }
}
