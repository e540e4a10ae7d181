/** Databases that are run for apps, and the dumps from which those of spaces are filled. */
import { useQuery } from '@tanstack/react-query'
import { usePlace } from '../app/place.ts'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded, PageHead } from '../parts/parts.tsx'
import { DumpForm } from './form.tsx'
import { DatabaseRows, DumpRows } from './lists.tsx'

export function DatabasesPage() {
  return (
    <>
      <PageHead title="Databases" below="Each app has its own; dumps fill those of spaces" />
      <Databases />
    </>
  )
}

/** Of one app: in this environment, and of its copies in spaces over it. */
export function DatabasesOfPlace() {
  return <Databases of={usePlace()} />
}

function Databases({ of }: { of?: { app: string; environment: string } }) {
  const databases = useQuery(queries.databases())
  const dumps = useQuery(queries.dumps())
  return (
    <div className="columns">
      <Card title="Databases" end={of && <Command text={`tow psql ${of.app} -e ${of.environment}`} />} flush>
        <Loaded query={databases}>
          {(all) => {
            const shown = all.filter(
              ({ app, environment }) => !of || (app === of.app && environment === of.environment),
            )
            if (shown.length > 0) return <DatabaseRows databases={shown} isOfPlace={of !== undefined} />
            return (
              <Empty title={of ? `${of.app} has no database in ${of.environment}` : 'No app has a database'}>
                <span>
                  <code>needs: [postgres]</code> in <code>tow.yaml</code> gives it one with its next release.
                </span>
              </Empty>
            )
          }}
        </Loaded>
      </Card>
      <Card title="Dumps" flush>
        <Loaded query={dumps}>
          {(all) => {
            const shown = all.filter(({ app }) => !of || app === of.app)
            if (shown.length > 0) return <DumpRows dumps={shown} isOfPlace={of !== undefined} />
            return (
              <Empty title={of ? `There is no dump of ${of.app}` : 'There are no dumps'}>
                <span>One fills the database that a copy of an app gets in a space.</span>
              </Empty>
            )
          }}
        </Loaded>
        {databases.data && <DumpForm databases={databases.data} {...of} />}
      </Card>
    </div>
  )
}
