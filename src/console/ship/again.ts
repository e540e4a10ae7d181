/** What was stopped, from the same source once more: the way back from a cancelled build or delivery. */
import type { Ship } from '../../api/ships.ts'
import { platform } from '../platform.ts'
import { perform } from '../shell/act.tsx'
import type { Toast } from '../shell/toasts.tsx'
import { stop } from './stop.ts'

/** None for what went into spaces: whoever works there has newer files by then. */
export function shipAgain(ships: readonly Ship[]): Pick<Toast, 'undo'> {
  const again = ships.filter(({ space }) => space === null)
  if (again.length === 0) return {}
  return { undo: { label: 'Build again', run: () => void perform(() => start(again)) } }
}

async function start(ships: readonly Ship[]): Promise<Toast> {
  const started = await Promise.all(
    ships.map(({ tree, origin, environment, apps }) => {
      const names = apps.map(({ app }) => app)
      // An app that its files do not name is called as the folder was.
      return platform.ships.start({ tree, folderName: names[0]!, origin, apps: names, environment })
    }),
  )
  const what = [...new Set(started.flatMap(({ apps }) => apps.map(({ app }) => app)))].join(', ')
  const where = started.map(({ environment }) => environment).join(' and ')
  const back = () =>
    void perform(async () => {
      for (const ship of started) await stop(ship)
      return { message: `Stopped shipping ${what} to ${where}` }
    })
  return { message: `Shipping ${what} to ${where} again`, undo: { label: 'Stop', run: back } }
}
