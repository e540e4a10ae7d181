/** A delivery as lines of plain text, each told once, for whoever sees it through Git. Pure. */
import { SHIPPED_WORDS } from '../../../api/shipped-words.ts'
import type { ShippedApp, ShipUpdate } from '../../../api/ships.ts'

const MARKS: Partial<Record<ShippedApp['state'], string>> = {
  live: '✓',
  unchanged: '✓',
  failed: '✗',
  cancelled: '✗',
}
const LONGEST_LINE = 400
const ESCAPE = String.fromCharCode(27)

/** Answers with the lines that an update adds. */
export function createTeller(): (update: ShipUpdate) => string[] {
  const told = new Map<string, string>()
  /** By app: output after the last line end. */
  const open = new Map<string, string>()

  function once(app: string, line: string): string[] {
    if (told.get(app) === line) return []
    told.set(app, line)
    return [line]
  }

  function output(app: string, text: string): string[] {
    const lines = ((open.get(app) ?? '') + text).split('\n')
    open.set(app, lines.pop()!.slice(-64 * 1024))
    return lines.map(clean).flatMap((line) => (line.trim() === '' ? [] : [`  ${app} │ ${line}`]))
  }

  return (update) => {
    if (update.type === 'build-output') return output(update.app, update.text)
    if (update.type === 'rollout') return once(update.app, `› ${update.app}  ${clean(update.message)}`)
    if (update.type === 'build-step') {
      const took = update.milliseconds === null ? '' : ` ${duration(update.milliseconds)}`
      return once(
        update.app,
        `› ${update.app}  ${update.name}${update.reused ? ` (${update.reused})` : took}`,
      )
    }
    return update.ship.apps.flatMap(({ app, state, release }) => {
      const rest = state === 'building' ? [] : output(app, open.get(app) ? '\n' : '')
      const number = release === null ? '' : ` v${release}`
      const key = `${app} state`
      const line = `${MARKS[state] ?? '›'} ${app}  ${SHIPPED_WORDS[state]}${number}`
      if (told.get(key) === line) return rest
      told.set(key, line)
      return [...rest, line]
    })
  }
}

/** What a program wrote, without what would disturb the terminal of another machine. */
export function clean(line: string): string {
  const last = line.replace(/\r+$/, '').split('\r').at(-1)!
  const plain = last.replace(/\p{Cc}(?:\[[0-9;?]*[A-Za-z])?/gu, (found) => {
    if (found === '\t') return found
    if (!found.startsWith(ESCAPE)) return found.slice(1)
    // Colours stay; what moves a cursor goes.
    return found.endsWith('m') ? found : ''
  })
  return plain.slice(0, LONGEST_LINE)
}

export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}
