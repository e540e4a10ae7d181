/** How log folders are named: everything that a line carries but its own text and time. */
export interface LogFolder {
  release: number
  process: string
  instance: string
}

/** `12~web~web.1-7f3a2b`; none of the parts can hold a tilde. */
export function logFolderName({ release, process, instance }: LogFolder): string {
  return `${release}~${process}~${instance}`
}

export function parseLogFolder(name: string): LogFolder | null {
  const [release, process, instance] = name.split('~')
  return /^\d+$/.test(release ?? '') && process && instance
    ? { release: Number(release), process, instance }
    : null
}

/** Sorts by time, then by instance, then by the order in which the instance wrote. */
export function lineId(at: number, instance: string, sequence: number): string {
  return `${String(at).padStart(13, '0')}-${instance}-${String(sequence).padStart(12, '0')}`
}

export function timeOfId(id: string): number {
  return Number(id.slice(0, 13)) || 0
}
