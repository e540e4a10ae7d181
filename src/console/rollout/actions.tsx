import { useNavigate } from '@tanstack/react-router'
import type { Rollout } from '../../api/rollouts.ts'
import { askRollback } from '../app/actions.tsx'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'

export function RolloutActions({ rollout }: { rollout: Rollout }) {
  const { app, environment, phase, endedAt } = rollout
  const navigate = useNavigate()
  const open = (id: string) => void navigate({ to: '/rollouts/$id', params: { id } })
  return (
    <>
      {endedAt === null && (
        <button type="button" className="button" data-tone="bad" onClick={() => askAbort(rollout)}>
          Abort…
        </button>
      )}
      {(phase === 'failed' || phase === 'aborted' || phase === 'asking') && (
        <button type="button" className="button" data-tone="main" onClick={() => askRetry(rollout, open)}>
          Retry…
        </button>
      )}
      {(phase === 'live' || phase === 'failed' || phase === 'aborted') && (
        <button type="button" className="button" onClick={() => askRollback({ app, environment })}>
          Roll back…
        </button>
      )}
    </>
  )
}

export function askAbort(rollout: Rollout): void {
  const { id, app, environment, release, previous } = rollout
  const after = previous === null ? 'nothing serves, as before' : `v${previous} goes on serving`
  ask({
    title: `Give up v${release} of ${app} in ${environment}?`,
    consequence: `Its new processes are stopped, and ${after}. The release stays in the history and can be rolled out again.`,
    command: `tow rollout abort -a ${app} -e ${environment}`,
    verb: 'Abort',
    tone: 'bad',
    async run() {
      await platform.rollouts.abort({ id })
      const again = () =>
        void perform(async () => {
          await platform.rollouts.retry({ id })
          return { message: `Rolling v${release} of ${app} out again` }
        })
      return { message: `Giving up v${release} of ${app}`, undo: { label: 'Roll out again', run: again } }
    },
  })
}

export function askRetry(rollout: Rollout, open: (id: string) => void): void {
  const { id, app, environment, release } = rollout
  ask({
    title: `Roll v${release} of ${app} out again in ${environment}?`,
    consequence: `The same release starts anew; what serves goes on serving until the new processes are healthy. A release command whose outcome is not known is run once more.`,
    command: `tow rollout retry -a ${app} -e ${environment}`,
    verb: 'Retry',
    async run() {
      const started = await platform.rollouts.retry({ id })
      open(started.id)
      const stop = () =>
        void perform(async () => {
          await platform.rollouts.abort({ id: started.id })
          return { message: `Giving up v${release} of ${app}` }
        })
      return { message: `Rolling v${release} of ${app} out again`, undo: { label: 'Abort', run: stop } }
    },
  })
}
