/** What each view shows beside the environments, and what stands first in it. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { App } from '../../api/apps.ts'
import type { DeliveryFigures } from '../../api/delivery.ts'
import { queries } from '../live/queries.ts'
import { plural } from '../parts/parts.tsx'
import { Ago, span } from '../parts/time.tsx'
import type { View } from '../shell/choices.ts'
import { isInTrouble } from './filter.ts'
import type { Extra } from './matrix.tsx'

const DAYS = 30

const lastChange = ({ environments }: App): string | null =>
  environments
    .flatMap(({ releasedAt }) => releasedAt ?? [])
    .sort()
    .at(-1) ?? null

const ofSupport: readonly Extra[] = [
  {
    title: 'Last change',
    of(app) {
      const at = lastChange(app)
      return at ? <Ago at={at} /> : <span className="soft">never</span>
    },
  },
  {
    title: 'Taken back by',
    of: ({ owner }) => owner ?? <span className="soft">whoever operates the environment</span>,
  },
]

function ofLead({ environment, apps }: DeliveryFigures): readonly Extra[] {
  const figures = new Map(apps.map((figure) => [figure.app, figure]))
  return [
    {
      title: `Into ${environment}, ${DAYS} days`,
      of({ name }) {
        const { deployments = 0, leadTimeMedian = null } = figures.get(name) ?? {}
        return (
          <>
            <span className="number">{plural(deployments, 'deployment')}</span>
            {leadTimeMedian !== null && (
              <span className="soft clip" title="From the commit to live, median">
                {span(leadTimeMedian)} lead time
              </span>
            )}
          </>
        )
      },
    },
    {
      title: 'Failed or rolled back',
      of({ name }) {
        const { failurePercent = null, rollouts = 0 } = figures.get(name) ?? {}
        if (failurePercent === null) return <span className="soft">nothing was rolled out</span>
        return (
          <span className="number">
            {Math.round(failurePercent)} % of {rollouts}
          </span>
        )
      },
    },
  ]
}

export function useExtras(view: View): readonly Extra[] {
  const { data } = useQuery({ ...queries.delivery(undefined, DAYS), enabled: view === 'lead' })
  return useMemo(
    () => (view === 'support' ? ofSupport : view === 'lead' && data ? ofLead(data) : []),
    [view, data],
  )
}

/** For support what is in trouble, then what changed last; else by name, as they come. */
export function inOrder(apps: readonly App[], view: View): readonly App[] {
  if (view !== 'support') return apps
  const trouble = ({ environments }: App) => Number(environments.some(isInTrouble))
  return [...apps].sort(
    (one, other) =>
      trouble(other) - trouble(one) || (lastChange(other) ?? '').localeCompare(lastChange(one) ?? ''),
  )
}
