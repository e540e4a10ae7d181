/** What a feature gives to a backup and takes from one. Who writes the file, and in which order, is not its business. */

export interface BackupPart {
  name: string
  /**
   * From here to `close`, whatever the database refers to now stays there. Parts are opened in the order of features
   * and read in the reverse order.
   */
  open(): Promise<OpenPart>
  /** For an empty home. */
  restore(): RestoringPart
}

export interface OpenPart {
  files(): AsyncIterable<BackupFile>
  /** Kept in the list of the backup, in the clear for whoever has the passphrase; asked after the last file. */
  about(): Record<string, unknown>
  close(): Promise<void>
}

export interface BackupFile {
  /** Unique in its part; with `/` between folders. */
  name: string
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

export interface RestoringPart {
  /** Throws where this part can't be restored here; before anything is written. */
  check(about: Record<string, unknown>): Promise<void>
  take(name: string, content: AsyncIterable<Uint8Array>): Promise<void>
  /** After the last file of all parts. */
  finish(): Promise<void>
  /** Instead of `finish` where something went wrong. */
  cancel(): Promise<void>
}

/** A whole file that is small. */
export async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
