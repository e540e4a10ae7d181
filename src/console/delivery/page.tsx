import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { queries } from '../live/queries.ts'
import { PageHead } from '../parts/parts.tsx'
import { DeliveryView } from './view.tsx'

const route = getRouteApi('/delivery')
const SPANS = ['7', '30', '90', '365']

export function DeliveryPage() {
  const { environment, days = '30' } = route.useSearch()
  const navigate = useNavigate({ from: '/delivery' })
  const { data: pipeline } = useQuery(queries.pipeline())
  const known = pipeline?.environments ?? []
  return (
    <>
      <PageHead title="Delivery" below="From the releases themselves; each figure tells what it means">
        <label className="field">
          To
          <select
            value={environment ?? known.at(-1) ?? ''}
            onChange={(event) => void navigate({ search: { days, environment: event.target.value } })}
          >
            {known.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label className="field">
          In the last
          <select
            value={days}
            onChange={(event) =>
              void navigate({
                search: { days: event.target.value, ...(environment ? { environment } : {}) },
              })
            }
          >
            {SPANS.map((one) => (
              <option key={one} value={one}>{`${one} days`}</option>
            ))}
          </select>
        </label>
      </PageHead>
      <DeliveryView environment={environment} days={Math.min(366, Math.max(1, Number(days) || 30))} />
    </>
  )
}
