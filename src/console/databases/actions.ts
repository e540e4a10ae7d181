import type { Dump } from '../../api/dumps.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'

type Asked = Pick<Dump, 'name' | 'app' | 'environment'>

export function askTake(asked: Asked, done: () => void): void {
  const { name, app, environment } = asked
  ask({
    title: `Take a dump of ${app} in ${environment}?`,
    consequence: `Whoever may change ${app} can fill a space from it, over any environment, and read there what is in it: take out before what they should not see. ${app} goes on meanwhile.`,
    command: `tow dumps add ${name} ${app} -e ${environment}`,
    verb: 'Take it',
    async run() {
      await platform.dumps.take(asked)
      done()
      const back = () =>
        void perform(async () => {
          await platform.dumps.remove(asked)
          return { message: `The dump ${name} is removed` }
        })
      return { message: `The dump ${name} of ${app} is being taken`, undo: { label: 'Remove it', run: back } }
    },
  })
}

export function askRemove({ name, app, environment, state }: Dump): void {
  const after = state === 'ready' ? ' Databases that were filled from it stay as they are.' : ''
  ask({
    title: `Remove the dump ${name} of ${app}?`,
    consequence: `No space can be filled from it any more.${after} There is no undo: another one holds what is there then.`,
    command: `tow dumps remove ${name}`,
    verb: 'Remove',
    tone: 'bad',
    async run() {
      await platform.dumps.remove({ name, app, environment })
      return { message: `The dump ${name} is removed` }
    },
  })
}
