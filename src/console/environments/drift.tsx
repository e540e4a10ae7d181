/** What somebody changed past Towpath: put back, or kept as what is asked for. */
import type { Drift } from '../../api/drift.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'

export function DriftButtons({ drift }: { drift: Drift }) {
  const where = `${drift.app} in ${drift.environment}`
  return (
    <span className="buttons">
      <button
        type="button"
        className="button"
        aria-label={`Put back ${where}`}
        onClick={() => askMend(drift)}
      >
        Put back…
      </button>
      {drift.adoptable && (
        <button type="button" className="button" aria-label={`Keep ${where}`} onClick={() => askAdopt(drift)}>
          Keep…
        </button>
      )}
    </span>
  )
}

function Details({ drift: { differences } }: { drift: Drift }) {
  return (
    <ul className="keys">
      {differences.map(({ message }) => (
        <li key={message}>{message}</li>
      ))}
    </ul>
  )
}

function askMend(drift: Drift): void {
  const { app, environment } = drift
  ask({
    title: `Put back ${app} in ${environment}?`,
    consequence:
      'All of this becomes what was asked for again, and only processes that were changed themselves start anew. There is no undo: whoever changed it has to do so again.',
    details: <Details drift={drift} />,
    command: `tow drift --mend -a ${app} -e ${environment}`,
    verb: 'Put back',
    async run() {
      await platform.processes.settleDrift({ app, environment, choice: 'mend' })
      return { message: `${app} in ${environment} is being put back` }
    },
  })
}

function askAdopt(drift: Drift): void {
  const { app, environment } = drift
  ask({
    title: `Keep ${app} in ${environment} as it is?`,
    consequence:
      'These counts are asked for from now on, as if somebody had scaled it here, until they are given back to the source.',
    details: <Details drift={drift} />,
    command: `tow drift --adopt -a ${app} -e ${environment}`,
    verb: 'Keep',
    async run() {
      const { differences } = await platform.processes.settleDrift({ app, environment, choice: 'adopt' })
      const counts = Object.fromEntries(
        differences.flatMap(({ count }) => (count ? [[count.process, null]] : [])),
      )
      const back = () =>
        void perform(async () => {
          await platform.processes.scale({ app, environment, counts })
          return { message: `${app} in ${environment} runs as many as its source says` }
        })
      return {
        message: `${app} in ${environment} is kept as it is`,
        undo: { label: 'As the source says', run: back },
      }
    },
  })
}
