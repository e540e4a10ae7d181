/** What can be done to a space: each asks once, and offers the way back or says that there is none. */
import type { Invitation, Space, SpaceApp, SpaceLink } from '../../api/spaces.ts'
import { exact } from '../parts/time.tsx'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import { listed } from './words.ts'

const HOUR = 3_600_000
/** As commands write it: `12h`, `2d`. */
export const termOf = (hours: number): string => (hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`)
export const wordsOf = (hours: number): string => {
  const [count, unit] = hours % 24 === 0 ? [hours / 24, 'day'] : [hours, 'hour']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

type Named = Pick<Space, 'name' | 'environment'>

/** Without `apps`: everything in it. */
export function askStop({ name: space, environment }: Named, apps: string[], isAll: boolean): void {
  const names = listed(apps)
  ask({
    title: `Stop ${names} in ${space}?`,
    consequence: `The ${apps.length === 1 ? 'copy stops' : 'copies stop'}, and calls for ${names} go to ${environment} until started again; the space, its config and its links stay.`,
    command: `tow spaces stop ${space}${isAll ? '' : ` ${apps.join(' ')}`}`,
    verb: 'Stop',
    async run() {
      const { stopped } = await platform.spaces.stop({ space, apps })
      const again = () => void perform(() => start(space, stopped))
      return {
        message:
          stopped.length === 0
            ? `Nothing of that runs in ${space}`
            : `Stopped ${listed(stopped)} in ${space}`,
        ...(stopped.length > 0 ? { undo: { label: 'Start again', run: again } } : {}),
      }
    },
  })
}

async function start(space: string, apps: string[]) {
  const { started } = await platform.spaces.start({ space, apps })
  const back = () =>
    void perform(async () => {
      await platform.spaces.stop({ space, apps: started })
      return { message: `Stopped ${listed(started)} in ${space}` }
    })
  return {
    message:
      started.length === 0
        ? `All of that runs in ${space} already`
        : `Starting ${listed(started)} in ${space}`,
    ...(started.length > 0 ? { undo: { label: 'Stop', run: back } } : {}),
  }
}

export function askStart({ name: space }: Named, apps: string[], isAll: boolean): void {
  ask({
    title: `Start ${listed(apps)} in ${space}?`,
    consequence: `As it was before; once it is healthy, calls through ${space} go to it again.`,
    command: `tow spaces start ${space}${isAll ? '' : ` ${apps.join(' ')}`}`,
    verb: 'Start',
    run: () => start(space, apps),
  })
}

export function askExtend({ name: space, expiresAt }: Space, hours: number): void {
  const until = new Date(Date.now() + hours * HOUR).toISOString()
  ask({
    title: `Keep ${space} for ${wordsOf(hours)} from now?`,
    consequence: `It expires ${exact(until)} instead of ${exact(expiresAt)}, and each use keeps it for ${wordsOf(hours)} more; then it is removed with everything in it.`,
    command: `tow spaces extend ${space} --for ${termOf(hours)}`,
    verb: 'Keep',
    async run() {
      const { before, expiresAt: after } = await platform.spaces.extend({ space, expiresInHours: hours })
      const left = Math.ceil((Date.parse(before) - Date.now()) / HOUR)
      const back = () =>
        void perform(async () => {
          const { expiresAt } = await platform.spaces.extend({ space, expiresInHours: left })
          return { message: `${space} expires ${exact(expiresAt)}` }
        })
      return {
        message: `${space} expires ${exact(after)}`,
        ...(left >= 1 ? { undo: { label: 'As before', run: back } } : {}),
      }
    },
  })
}

/** `apps`: only these; null for the space as a whole. */
export function askRemove(
  { name: space, environment }: Named,
  apps: string[] | null,
  done?: () => Promise<void>,
): void {
  const again = `There is no undo: what was in it comes back with tow ship --space ${space} from the same folder or commit.`
  ask({
    title: apps ? `Remove ${listed(apps)} from ${space}?` : `Remove the space ${space}?`,
    consequence: apps
      ? `The copy stops and is forgotten with the config that it has of its own; calls for ${listed(apps)} go to ${environment}. ${again}`
      : `Everything in it stops and is forgotten, with its config, its links and invitations; ${environment} goes on as it is. ${again}`,
    command: `tow spaces remove ${space}${apps ? ` ${apps.join(' ')}` : ''}`,
    verb: 'Remove',
    tone: 'bad',
    async run() {
      await platform.spaces.remove({ space, ...(apps ? { apps } : {}) })
      // Its page asks for nothing of what is gone.
      await done?.()
      return { message: apps ? `${listed(apps)} of ${space} is being removed` : `${space} is being removed` }
    },
  })
}

export function askSwap(space: Named, app: string, hours: number): void {
  ask({
    title: `Take all traffic for ${app} in ${space.environment}?`,
    consequence: `Whoever uses ${app} in ${space.environment} meets the copy in ${space.name}, and everybody sees that you have it; it goes back by itself after ${wordsOf(hours)}.`,
    command: `tow spaces swap ${app} --space ${space.name} --for ${termOf(hours)}`,
    verb: 'Take the traffic',
    tone: 'bad',
    run: () => swap(space, app, hours * 3600),
  })
}

async function swap({ name: space, environment }: Named, app: string, seconds: number) {
  await platform.spaces.swap({ space, app, seconds })
  const back = () =>
    void perform(async () => {
      await platform.spaces.unswap({ app, environment })
      return { message: `The traffic for ${app} is ${environment}’s own again` }
    })
  return {
    message: `All traffic for ${app} in ${environment} comes to ${space}`,
    undo: { label: 'Give back', run: back },
  }
}

const LEAST_SECONDS = 10

export function askGiveBack(space: Named, { app, swap: held }: SpaceApp): void {
  const { name, environment } = space
  ask({
    title: `Give the traffic for ${app} back to ${environment}?`,
    consequence: `Whoever uses ${app} in ${environment} meets the environment’s own again; ${name} keeps its copy for whoever comes by its links.`,
    command: `tow spaces unswap ${app} -e ${environment}`,
    verb: 'Give back',
    async run() {
      await platform.spaces.unswap({ app, environment })
      const left = held ? Math.floor((Date.parse(held.until) - Date.now()) / 1000) : 0
      const again = () => void perform(() => swap(space, app, left))
      return {
        message: `The traffic for ${app} is ${environment}’s own again`,
        ...(left >= LEAST_SECONDS ? { undo: { label: 'Take it again', run: again } } : {}),
      }
    },
  })
}

export function askInvite(
  { name: space }: Named,
  whom: string,
  hours: number,
  show: (invitation: Invitation & { links: SpaceLink[] }) => void,
): void {
  ask({
    title: `Invite ${whom} into ${space}?`,
    consequence: `Whoever has the link enters ${space} for ${wordsOf(hours)}, so treat it like a password; it is shown once.`,
    command: `tow spaces invite ${space} --for ${/^[\w.-]+$/.test(whom) ? whom : `'${whom.replaceAll("'", '’')}'`} --expires ${termOf(hours)}`,
    verb: 'Make the link',
    async run() {
      const invitation = await platform.spaces.invite({ space, for: whom, expiresInHours: hours })
      show(invitation)
      const back = () =>
        void perform(async () => {
          await platform.spaces.uninvite({ space, id: invitation.id })
          return { message: `The link for ${whom} into ${space} has ended` }
        })
      return { message: `${whom} is invited into ${space}`, undo: { label: 'End it', run: back } }
    },
  })
}

export function askUninvite({ name: space }: Named, { id, for: whom }: Invitation): void {
  ask({
    title: `End the link of ${whom} into ${space}?`,
    consequence: `Whoever came in with it is out at once. There is no undo: another invitation makes another link.`,
    command: `tow spaces uninvite ${space} ${id}`,
    verb: 'End it',
    tone: 'bad',
    async run() {
      await platform.spaces.uninvite({ space, id })
      return { message: `The link of ${whom} into ${space} has ended` }
    },
  })
}
