/** Names come and go at once, without a release; each way leads back. */
import type { Domain } from '../../api/domains.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import type { Toast } from '../shell/toasts.tsx'

/** `certificate`: empty or null for none. */
interface Asked {
  app: string
  environment: string
  host: string
  certificate: string | null
}

const written = ({ app, environment, host, certificate }: Asked) => ({
  ...{ app, environment, host },
  ...(certificate ? { certificate } : {}),
})

export function askAdd(asked: Asked, done: () => void): void {
  const { app, environment, host, certificate } = asked
  ask({
    title: `Let ${app} in ${environment} answer to ${host}?`,
    consequence:
      'It answers to that name at once; no release is made and nothing restarts. What is still to be done elsewhere, such as a DNS record, is told here until it is done.',
    command: `tow domains add ${host} -a ${app} -e ${environment}${certificate ? ` --certificate ${certificate}` : ''}`,
    verb: 'Add',
    async run() {
      const before = await platform.domains.list({ app, environment })
      const added = await add(asked)
      const same = before.find((one) => one.host === added.host)
      const back = same ? () => add(same) : () => remove(added)
      done()
      return {
        ...told(added),
        undo: { label: 'Undo', run: () => void perform(async () => told(await back())) },
      }
    },
  })
}

export function askRemove(domain: Domain): void {
  const { app, environment, host, certificate } = domain
  ask({
    title: `Remove ${host} from ${app} in ${environment}?`,
    consequence: `Whoever asks for ${host} does not get ${app} any more.${certificate ? ` The certificate ${certificate} stays where it is.` : ''}`,
    command: `tow domains remove ${host} -a ${app} -e ${environment}`,
    verb: 'Remove',
    tone: 'bad',
    async run() {
      const removed = await remove(domain)
      const back = () => void perform(async () => told(await add(domain)))
      return { ...told(removed), undo: { label: 'Add it again', run: back } }
    },
  })
}

type Done = Asked & { isThere: boolean }

async function add(asked: Asked): Promise<Done> {
  const { host, certificate } = await platform.domains.add(written(asked))
  return { ...asked, host, certificate, isThere: true }
}

async function remove(asked: Asked): Promise<Done> {
  const { app, environment, host } = asked
  await platform.domains.remove({ app, environment, host })
  return { ...asked, isThere: false }
}

function told({ app, environment, host, certificate, isThere }: Done): Toast {
  const shown = isThere && certificate ? ` with the certificate ${certificate}` : ''
  return {
    message: `${app} in ${environment} ${isThere ? 'answers' : 'no longer answers'} to ${host}${shown}`,
  }
}
