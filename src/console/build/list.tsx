import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { queries } from '../live/queries.ts'
import { Card, Empty, Loaded, PageHead } from '../parts/parts.tsx'
import { StateOf } from '../parts/state.tsx'
import { Ago, Took } from '../parts/time.tsx'

export function BuildsPage() {
  return (
    <>
      <PageHead title="Builds" below="What was made of what, newest first" />
      <Loaded query={useQuery(queries.builds())} lines={8}>
        {(builds) =>
          builds.length === 0 ? (
            <Empty title="Nothing was built yet">
              <span>
                <code>tow ship</code> builds and releases.
              </span>
            </Empty>
          ) : (
            <Card title={`The last ${builds.length}`} flush>
              <ul className="rows">
                {builds.map((build) => (
                  <li key={build.id}>
                    <StateOf state={build.state} />
                    <div className="grow">
                      <Link to="/builds/$id" params={{ id: build.id }} data-row>
                        {build.app}
                      </Link>{' '}
                      {build.reused && (
                        <span className="tag" data-tone="good">
                          reused
                        </span>
                      )}{' '}
                      <span className="soft">{build.origin.subject ?? build.because}</span>
                      {build.error && <p className="soft">{build.error.message}</p>}
                    </div>
                    <span className="end">
                      {build.by} · <Ago at={build.createdAt} />
                      {build.startedAt && (
                        <>
                          {' · '}
                          <Took from={build.startedAt} to={build.endedAt} />
                        </>
                      )}
                    </span>
                  </li>
                ))}
              </ul>
            </Card>
          )
        }
      </Loaded>
    </>
  )
}
