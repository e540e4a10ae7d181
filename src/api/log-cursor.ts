/**
 * How far a reader of logs has come. Lines are told in the order of their ids, but a line can come late (its writer
 * was held up between stamping and writing), so one id is not enough to go on without losing or doubling a line: a
 * cursor holds the newest id of every instance that wrote lately. As text: `<floor>;<id>;<id>...`; one id alone is a
 * cursor too.
 */

/** Instances that are remembered one by one. */
const INSTANCES = 50
/** A line that comes later than this after newer ones, on a connection that broke meanwhile, may be passed over. */
const LATEST = 60_000
export const CURSOR_LENGTH = 4000
const ID = /^(\d{13})-(.+)-(\d{12})$/

export interface LogCursor {
  /** The line was told. */
  pass(id: string): void
  /** Whether the line still is to be told. */
  isAhead(id: string): boolean
  /** The newest line of an instance that was told, as its sequence; null where none is remembered. */
  sequenceOf(instance: string): number | null
  /** All of other instances up to this id counts as told; empty where nothing was told. */
  floor(): string
  text(): string
}

/** Everything from that time on. */
export function cursorAt(milliseconds: number): string {
  return String(Math.max(0, Math.floor(milliseconds))).padStart(13, '0')
}

export function openLogCursor(text = ''): LogCursor {
  let floor = ''
  let newest = 0
  let prunedAt = 0
  const last = new Map<string, string>()
  const [first = '', ...ids] = text.split(';')
  for (const id of ids) remember(id)
  if (ids.length === 0) remember(first)
  floor = first

  function remember(id: string): boolean {
    const [, at, instance] = ID.exec(id) ?? []
    if (instance === undefined) return false
    last.set(instance, id)
    newest = Math.max(newest, Number(at))
    return true
  }

  function prune(): void {
    if (last.size <= INSTANCES && newest - prunedAt < LATEST / 6) return
    prunedAt = newest
    const horizon = cursorAt(newest - LATEST)
    for (const [instance, id] of [...last].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
      if (last.size <= INSTANCES && id >= horizon) break
      last.delete(instance)
      if (id > floor) floor = id
    }
    if (horizon > floor) floor = horizon
  }

  return {
    pass(id) {
      if (floor === '') floor = id
      if (remember(id)) prune()
      else if (id > floor) floor = id
    },
    isAhead(id) {
      const known = last.get(ID.exec(id)?.[2] ?? '')
      return known === undefined ? id > floor : id.slice(-12) > known.slice(-12)
    },
    sequenceOf(instance) {
      const known = last.get(instance)
      return known === undefined ? null : Number(known.slice(-12))
    },
    floor: () => floor,
    text: () => [floor, ...last.values()].join(';'),
  }
}
