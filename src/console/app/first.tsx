/** An app without an environment: where most people look first is where most customers are. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, Navigate } from '@tanstack/react-router'
import { queries } from '../live/queries.ts'
import { Empty, Loaded } from '../parts/parts.tsx'

const route = getRouteApi('/apps/$app')

export function FirstPlacePage() {
  const { app } = route.useParams()
  return (
    <Loaded query={useQuery(queries.app(app))}>
      {({ environments }) => {
        const serving = environments.filter(({ release }) => release !== null)
        const place = serving.at(-1) ?? environments[0]
        if (place)
          return (
            <Navigate to="/apps/$app/$environment" params={{ app, environment: place.environment }} replace />
          )
        return (
          <Empty title={`${app} runs nowhere yet`}>
            <span>
              <code>tow ship -a {app}</code> brings it to the first environment.
            </span>
            <Link to="/fleet">The fleet</Link>
          </Empty>
        )
      }}
    </Loaded>
  )
}
