/** Names of one's own, of every app: which lead to their apps, and what to do where they don't. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { usePlace } from '../app/place.ts'
import { queries } from '../live/queries.ts'
import { PageHead } from '../parts/parts.tsx'
import { Pick } from '../parts/pick.tsx'
import { DomainForm } from './form.tsx'
import { Domains } from './list.tsx'

const route = getRouteApi('/domains')

export function DomainsPage() {
  const { app, environment } = route.useSearch()
  const navigate = useNavigate({ from: '/domains' })
  const { data: apps = [] } = useQuery(queries.apps())
  const { data: pipeline } = useQuery(queries.pipeline())
  const set = (next: { app?: string; environment?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...next }), replace: true, resetScroll: false })
  return (
    <>
      <PageHead title="Domains" below="Names of your own under which apps answer" />
      <div className="filters">
        <Pick label="App" value={app} of={apps.map(({ name }) => name)} set={(app) => set({ app })} />
        <Pick
          label="Environment"
          value={environment}
          of={pipeline?.environments ?? []}
          set={(environment) => set({ environment })}
        />
      </div>
      <Domains of={{ ...(app && { app }), ...(environment && { environment }) }} />
    </>
  )
}

/** Of one app in one environment. */
export function DomainsOfPlace() {
  const place = usePlace()
  return <Domains of={place} form={<DomainForm key={`${place.app} ${place.environment}`} {...place} />} />
}
