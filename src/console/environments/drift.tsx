/** What somebody changed past Towpath: put back, or kept as what is asked for. */
import type { Drift } from '../../api/drift.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import type { Toast } from '../shell/toasts.tsx'
import { type Counts, changedCounts, countsBefore } from './counts.ts'

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

type Place = Pick<Drift, 'app' | 'environment'>

async function scale({ app, environment }: Place, counts: Counts, message: string): Promise<Toast> {
  await platform.processes.scale({ app, environment, counts })
  return { message }
}

function askMend(drift: Drift): void {
  const { app, environment, adoptable } = drift
  const back = adoptable
    ? 'The undo keeps these counts instead.'
    : 'There is no undo: whoever changed it has to do so again.'
  ask({
    title: `Put back ${app} in ${environment}?`,
    consequence: `All of this becomes what was asked for again, and only processes that were changed themselves start anew. ${back}`,
    details: <Details drift={drift} />,
    command: `tow drift --mend -a ${app} -e ${environment}`,
    verb: 'Put back',
    async run() {
      const { differences } = await platform.processes.settleDrift({ app, environment, choice: 'mend' })
      const counts = changedCounts(differences)
      const keep = (kept: Counts) =>
        void perform(() => scale(drift, kept, `${app} in ${environment} is as somebody had made it`))
      return {
        message: `${app} in ${environment} is being put back`,
        ...(counts ? { undo: { label: 'Keep it instead', run: () => keep(counts) } } : {}),
      }
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
      const { overrides } = await platform.processes.list({ app, environment })
      const { counts } = await platform.processes.settleDrift({ app, environment, choice: 'adopt' })
      const before = countsBefore(Object.keys(counts), overrides)
      const back = () =>
        void perform(() => scale(drift, before, `${app} in ${environment} is as it was asked for before`))
      return {
        message: `${app} in ${environment} is kept as it is`,
        undo: { label: 'Put it back', run: back },
      }
    },
  })
}
