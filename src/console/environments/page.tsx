/** Environments: where apps run, and whether that can do its work. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { CheckResult } from '../../api/environments.ts'
import { queries } from '../live/queries.ts'
import { AppLink } from '../parts/links.tsx'
import { Card, Command, Empty, Hint, Loaded, PageHead, plural, sentence } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { Capacity } from './capacity.tsx'
import { DriftButtons } from './drift.tsx'
import { driftInWords } from './words.ts'

export function EnvironmentsPage() {
  const environments = useQuery(queries.environments())
  return (
    <>
      <PageHead title="Environments" below="In the order of the pipeline, with the checks of each engine" />
      <div className="stack">
        <Loaded query={environments} lines={12}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="There is no environment">
                <Command text="tow env add stage" />
              </Empty>
            ) : (
              <div className="columns">
                {all.map((environment) => (
                  <EnvironmentCard key={environment.name} {...environment} />
                ))}
              </div>
            )
          }
        </Loaded>
        {/* Not before what stands above it has its place. */}
        {environments.data && <ThePlatform />}
      </div>
    </>
  )
}

function ThePlatform() {
  const status = useQuery(queries.status())
  const doctor = useQuery(queries.doctor())
  return (
    <div className="columns">
      <Card title="Checks of the platform" end={<Command text="tow doctor" />} flush>
        <Loaded query={doctor} lines={16}>
          {(checks) => <Checks checks={checks} />}
        </Loaded>
      </Card>
      <Card title="The platform" flush>
        <Loaded query={status}>
          {({ version, home, parts, apps, activeBuilds, activeRollouts }) => (
            <>
              <dl className="facts note">
                <dt>Version</dt>
                <dd>{version}</dd>
                <dt>Home</dt>
                <dd className="mono">{home}</dd>
                <dt>Work</dt>
                <dd>
                  {plural(apps, 'app')}, {plural(activeBuilds, 'build')} and{' '}
                  {plural(activeRollouts, 'rollout')} under way
                </dd>
              </dl>
              <ul className="rows">
                {parts.map(({ name, ok, message }) => (
                  <li key={name}>
                    <State tone={ok ? 'good' : 'bad'} word={ok ? 'good' : 'failing'} hideWord />
                    <strong>{name}</strong>
                    <span className="grow soft">{message}</span>
                  </li>
                ))}
              </ul>
            </>
          )}
        </Loaded>
      </Card>
    </div>
  )
}

/** Of the apps that were changed past Towpath, so many are shown. */
const MOST = 12

function EnvironmentCard({
  name,
  engine,
  facts,
}: {
  name: string
  engine: string
  facts: readonly { name: string; value: string }[]
}) {
  const checks = useQuery(queries.checks(name))
  const { data: apps = [] } = useQuery(queries.apps())
  const { data: drift = [] } = useQuery(queries.drift())
  const drifted = drift.filter((one) => one.environment === name)
  const places = apps.flatMap(({ environments }) =>
    environments.filter(({ environment }) => environment === name),
  )
  const counts = places.flatMap(({ processes }) => Object.values(processes))
  const wanted = counts.reduce((sum, one) => sum + one.wanted, 0)
  const healthy = counts.reduce((sum, one) => sum + one.healthy, 0)
  return (
    <Card title={name} end={<span className="tag">{engine}</span>} flush>
      <dl className="facts note">
        <dt>Runs</dt>
        <dd>
          <Link to="/fleet">{plural(places.length, 'app')}</Link>, {healthy} of{' '}
          {plural(wanted, 'process', 'processes')} healthy
        </dd>
        {facts.map((fact) => (
          <Fact key={fact.name} {...fact} />
        ))}
      </dl>
      <Capacity environment={name} />
      {drifted.length > 0 && (
        <ul className="rows" aria-label="Changed by hand">
          {drifted.slice(0, MOST).map((one) => (
            <li key={one.app}>
              <State tone="warn" word="changed by hand" hideWord />
              <div className="grow">
                <AppLink app={one.app} environment={name}>
                  {one.app} was changed past Towpath
                </AppLink>
                <p className="soft">{sentence(driftInWords(one))}</p>
              </div>
              <DriftButtons drift={one} />
            </li>
          ))}
          {drifted.length > MOST && <li className="soft">and {drifted.length - MOST} more apps</li>}
        </ul>
      )}
      <Loaded query={checks} lines={6}>
        {(all) => <Checks checks={all} />}
      </Loaded>
    </Card>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function Checks({ checks }: { checks: readonly CheckResult[] }) {
  if (checks.length === 0) return <Empty title="There is nothing to check" />
  return (
    <ul className="rows">
      {checks.map(({ name, ok, message, mend }) => (
        <li key={`${name} ${message}`}>
          <State tone={ok ? 'good' : 'bad'} word={ok ? 'good' : 'fails'} hideWord />
          <div className="grow">
            <strong>{name}</strong> <span className="soft">{message}</span>
            {mend && (
              <p>
                <Hint text={mend} />
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  )
}
