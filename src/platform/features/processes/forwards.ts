/**
 * The way to a port of a process, for whoever may run commands in it. Who reached what is in the timeline, once for as
 * long as they go on: a browser opens a dozen connections for one page.
 */
import type { Duplex } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { TowError } from '../../../api/errors.ts'
import { ForwardPort } from '../../../api/processes.ts'
import type { Engine, Target } from '../../../engines/engine.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import { actorOf } from '../../kernel/http/guard.ts'
import type { StreamDoor } from '../../kernel/http/streams.ts'
import { type Rollouts, setId } from '../rollouts/index.ts'
import type { SpaceCopies } from './runs.ts'

export interface ForwardsDependencies {
  database: Database
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  rollouts: Pick<Rollouts, 'live'>
  spaces: Pick<SpaceCopies, 'copy' | 'environmentOf'>
}

interface Asked {
  target: Target
  process: string
  port: ForwardPort
}

const SAID_FOR_MS = 3_600_000
const PORT = 'processes/:process/ports/:port/stream'

export function createForwards({ database, clock, engines, rollouts, spaces }: ForwardsDependencies) {
  /** When it was last said, by who and what. */
  const said = new Map<string, number>()

  async function askedBy({ params }: FastifyRequest): Promise<Asked> {
    const { app = '', environment, space, process = '', port = '' } = params as Record<string, string>
    const parsed = ForwardPort.safeParse(/^\d+$/.test(port) ? Number(port) : port)
    if (!parsed.success) throw new TowError('BAD_INPUT', `${port} is no port`)
    const target =
      space === undefined
        ? { app, environment: environment! }
        : { app, environment: await spaces.environmentOf(database.db, space), space }
    return { target, process, port: parsed.data }
  }

  /** The set that serves there now. */
  async function setOf({ app, environment, space }: Target): Promise<string> {
    if (space !== undefined)
      return `${space}.${(await spaces.copy(database.db, space, app, environment)).revision}`
    const live = await rollouts.live(database.db, app, environment)
    if (live !== null) return setId(live)
    throw new TowError('NOT_FOUND', `no release of ${app} is live in ${environment}`, {
      hint: `tow why ${app} -e ${environment}`,
    })
  }

  async function say(actor: Actor, { target, process, port }: Asked): Promise<void> {
    const { app, environment, space } = target
    const now = clock.now().getTime()
    for (const [key, at] of said) if (now - at > SAID_FOR_MS) said.delete(key)
    const key = JSON.stringify([actor.name, target, process, port])
    if (said.has(key)) return
    said.set(key, now)
    const what = typeof port === 'number' ? `port ${port}` : port === 'given' ? 'the port' : 'the debugger'
    const where = space === undefined ? environment : `${space} over ${environment}`
    await database.change({ name: actor.name }, async (change) =>
      change.event({
        kind: 'process.forwarded',
        ...{ app, environment },
        message: `${actor.name} reached ${what} of ${process} of ${app} in ${where}`,
        facts: { process, port, ...(space !== undefined && { space }) },
      }),
    )
  }

  async function open(request: FastifyRequest): Promise<Duplex> {
    const asked = await askedBy(request)
    const { target, process, port } = asked
    const engine = await engines(target.environment)
    const stream = await engine.forward(target, await setOf(target), process, port)
    await say(actorOf(request), asked)
    return stream
  }

  return {
    /** Before anybody connects: what is not there is said at once. */
    async announce(actor: Actor, asked: Asked): Promise<void> {
      const { target, process } = asked
      const set = await setOf(target)
      const observed = await (await engines(target.environment)).observe(target)
      const known = observed.sets.find(({ id }) => id === set)?.processes ?? []
      if (!known.some((one) => one.process === process)) throw notRunning(asked, known)
      await say(actor, asked)
    },
    doors: [
      {
        url: `/apps/:app/environments/:environment/${PORT}`,
        config: { permission: 'app:change', objects: { app: 'app', environment: 'environment' } },
        open,
      },
      {
        url: `/spaces/:space/apps/:app/${PORT}`,
        config: { permission: 'app:change', objects: { space: 'space', app: 'app' } },
        open,
      },
    ] satisfies StreamDoor[],
  }
}

function notRunning({ target, process }: Asked, known: readonly { process: string }[]): TowError {
  const names = [...new Set(known.map((one) => one.process))]
  const where = target.space ?? target.environment
  return new TowError('NOT_FOUND', `no ${process} of ${target.app} runs in ${where}`, {
    hint: names.length > 0 ? `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}` : 'tow ps',
  })
}
