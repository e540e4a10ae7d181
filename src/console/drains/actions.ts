import type { Drain } from '../../api/drains.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'

interface Asked {
  environment: string
  url: string
  header: string
  value: string
  plain: boolean
}

/** Without what lets in: a name and a password, and all after a question mark. */
const shown = (url: string) => url.replace(/\/\/[^@/]*@/, '//…@').replace(/\?.*/, '?…')

export function askAdd({ environment, header, value, plain, ...asked }: Asked, done: () => void): void {
  const url = asked.url.trim()
  const name = header.trim()
  ask({
    title: `Send the log lines of ${environment} to ${shown(url)}?`,
    consequence: `Whoever keeps it reads what every app in ${environment} writes from now on; what was written before stays here.`,
    command: `tow drains add ${shown(url)} -e ${environment}${name ? ` --header ${name}=-` : ''}${plain ? ' --plain' : ''}`,
    verb: 'Send there',
    async run() {
      const headers = name ? { [name]: value } : {}
      const drain = await platform.drains.add({ environment, url, headers, plain })
      done()
      const back = () =>
        void perform(async () => {
          await platform.drains.remove({ environment, id: drain.id })
          return stopped(drain)
        })
      return {
        message: `The log lines of ${environment} are sent to ${drain.url}`,
        undo: { label: 'Stop', run: back },
      }
    },
  })
}

const stopped = ({ environment, url }: Drain) => ({
  message: `Nothing of ${environment} is sent to ${url} any more`,
})

export function askRemove(drain: Drain): void {
  const { id, environment, url } = drain
  ask({
    title: `Stop sending the log lines of ${environment} to ${url}?`,
    consequence:
      'What was sent stays there, and lines go on being kept here. There is no undo: what lets in there is shown to nobody, so whoever knows it adds it again.',
    command: `tow drains remove ${id} -e ${environment}`,
    verb: 'Stop',
    tone: 'bad',
    async run() {
      await platform.drains.remove({ environment, id })
      return stopped(drain)
    },
  })
}
