/** What can be done to an app in an environment: each asks once and offers the way back. */
import { useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { AppInEnvironment } from '../../api/apps.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import { useCommands } from '../shell/commands.ts'
import type { Toast } from '../shell/toasts.tsx'
import { RollbackPlan } from './rollback-plan.tsx'

interface Place {
  app: string
  environment: string
}

export function AppActions({ app, environment, place }: Place & { place: AppInEnvironment | undefined }) {
  const navigate = useNavigate()
  const commands = useMemo(
    () => [
      { name: `roll back ${app} in ${environment}`, key: 'r', run: () => askRollback({ app, environment }) },
      {
        name: `ship a branch of ${app} to ${environment}`,
        key: 's',
        run: () => void navigate({ to: '/apps/$app/$environment/ship', params: { app, environment } }),
      },
      { name: `restart ${app} in ${environment}`, run: () => askRestart({ app, environment }) },
      {
        name: `promote ${app}`,
        key: 'p',
        run: () => void navigate({ to: '/promote', search: { apps: app } }),
      },
      {
        name: `logs of ${app} in ${environment}`,
        key: 'l',
        run: () => void navigate({ to: '/apps/$app/$environment/logs', params: { app, environment } }),
      },
    ],
    [app, environment, navigate],
  )
  useCommands(commands)
  const url = place?.urls[0]
  const isThere = place !== undefined
  return (
    <>
      {url ? (
        <a className="button" href={url} rel="noreferrer">
          Open ↗
        </a>
      ) : (
        <button type="button" className="button" disabled>
          Open ↗
        </button>
      )}
      <button
        type="button"
        className="button"
        disabled={!isThere}
        onClick={() => askRestart({ app, environment })}
      >
        Restart…
      </button>
      <button
        type="button"
        className="button"
        disabled={!isThere}
        onClick={() => askRollback({ app, environment })}
      >
        Roll back…
      </button>
    </>
  )
}

export function askRestart({ app, environment }: Place): void {
  ask({
    title: `Restart ${app} in ${environment}?`,
    consequence: `Its processes are replaced one at a time by new ones of the same release; requests go on being answered meanwhile. It can’t be undone, and needs not be.`,
    command: `tow restart -a ${app} -e ${environment}`,
    verb: 'Restart',
    async run() {
      const { processes } = await platform.processes.restart({ app, environment })
      return { message: `Restarting ${processes.join(', ')} of ${app} in ${environment}` }
    },
  })
}

/** Without `to`: to the last one that was live before. */
export function askRollback({ app, environment, to }: Place & { to?: number }): void {
  void platform.releases.rollback({ app, environment, plan: true, ...(to ? { to } : {}) }).then(
    (plan) =>
      ask({
        title: `Roll ${app} in ${environment} back to v${plan.to}?`,
        consequence: `A new release is made with the code and plain config of v${plan.to} and today’s secrets, and takes over once it is healthy; until then what serves goes on serving.`,
        details: <RollbackPlan differences={plan.differences} />,
        command: `tow rollback v${plan.to} -a ${app} -e ${environment}`,
        verb: 'Roll back',
        tone: 'bad',
        run: () => rollBack({ app, environment, to: plan.to }),
      }),
    (error) => void perform(() => Promise.reject(error)),
  )
}

async function rollBack({ app, environment, to }: Place & { to: number }): Promise<Toast> {
  const live = (await platform.apps.get({ app })).environments.find(
    (one) => one.environment === environment,
  )?.release
  const { release } = await platform.releases.rollback({ app, environment, to })
  return {
    message: `Rolling ${app} in ${environment} back to v${to}, as v${release?.number}`,
    ...(live
      ? {
          undo: {
            label: `Back to v${live}`,
            run: () => void perform(() => rollBack({ app, environment, to: live })),
          },
        }
      : {}),
  }
}
