import type { Build } from '../../api/builds.ts'
import { platform } from '../platform.ts'
import { ask } from '../shell/act.tsx'
import { shipAgain } from '../ship/again.ts'

export function askCancel({ id, app }: Build): void {
  ask({
    title: `Cancel the build of ${app}?`,
    consequence: 'The build ends, and whatever waits for it is not delivered; what serves goes on serving.',
    command: `tow builds cancel ${id}`,
    verb: 'Cancel the build',
    tone: 'bad',
    async run() {
      const waiting = (await platform.ships.ofBuild({ id })).filter(({ endedAt }) => endedAt === null)
      await platform.builds.cancel({ id })
      return { message: `The build of ${app} is cancelled`, ...shipAgain(waiting) }
    },
  })
}
