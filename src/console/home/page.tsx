/** Home: what needs me first, then what the chosen view is about. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { DriftButtons } from '../environments/drift.tsx'
import { queries } from '../live/queries.ts'
import { Card, Empty, Loaded, Loading, PageHead, plural, sentence } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { useChoice } from '../shell/choices.ts'
import { Changes } from './changes.tsx'
import { LeadHome } from './lead.tsx'
import { MyApps, UnderWay } from './mine.tsx'
import { type Need, needsOf } from './needs.ts'
import { SupportHome } from './support.tsx'

const BELOW = {
  developer: 'What needs you, and your apps',
  support: 'What changed lately, for which app, and who can take it back',
  lead: 'How often, how fast and how safely we deliver',
}

export function HomePage() {
  const view = useChoice('view')
  const { data: me } = useQuery(queries.me())
  return (
    <>
      <PageHead title={me ? `Hello, ${me.name}` : 'Hello'} below={BELOW[view]} />
      <div className="stack">
        <NeedsMe />
        {view === 'support' && <SupportHome />}
        {view === 'lead' && <LeadHome />}
        {view === 'developer' && (
          <div className="columns wide-left">
            <MyApps />
            <div className="stack">
              <UnderWay />
              <Changes />
            </div>
          </div>
        )}
      </div>
    </>
  )
}

const MOST = 12

function NeedsMe() {
  const apps = useQuery(queries.apps())
  const checks = useQuery(queries.doctor())
  const { data: drift = [] } = useQuery(queries.drift())
  const { data: spaces = [] } = useQuery(queries.spaces())
  const { data: me } = useQuery(queries.me())
  if (!apps.data)
    return (
      <Card title="Needs attention">
        {apps.error ? <Loaded query={apps}>{() => null}</Loaded> : <Loading lines={2} />}
      </Card>
    )
  const mine = spaces.filter(({ owner }) => owner === me?.name)
  const needs = needsOf({ apps: apps.data, checks: checks.data ?? [], drift, spaces: mine })
  return (
    <Card
      title="Needs attention"
      end={needs.length > 0 && <span className="soft">{plural(needs.length, 'thing')}</span>}
      flush
    >
      {needs.length === 0 ? (
        <Empty title={apps.data.length === 0 ? 'Nothing was shipped yet' : 'Nothing needs you'}>
          {apps.data.length === 0 ? (
            <span>
              In a folder with an app: <code>tow ship</code>
            </span>
          ) : (
            <span>Every app is healthy and as it was asked for, and every check is good.</span>
          )}
        </Empty>
      ) : (
        <ul className="rows">
          {needs.slice(0, MOST).map((need) => (
            <NeedRow key={need.key} need={need} />
          ))}
          {needs.length > MOST && (
            <li>
              <Link to="/fleet" search={{ state: 'trouble' }}>
                All {needs.length} in the fleet
              </Link>
            </li>
          )}
        </ul>
      )}
    </Card>
  )
}

function NeedRow({ need }: { need: Need }) {
  const { tone, title, reason, app, environment, rollout, space, drift } = need
  return (
    <li>
      <State tone={tone} word={tone === 'bad' ? 'bad' : 'look'} hideWord />
      <div className="grow">
        {rollout ? (
          <Link to="/rollouts/$id" params={{ id: rollout }} data-row>
            {title}
          </Link>
        ) : space ? (
          <Link to="/spaces/$space" params={{ space }} data-row>
            {title}
          </Link>
        ) : app && environment ? (
          <Link to="/apps/$app/$environment" params={{ app, environment }} data-row>
            {title}
          </Link>
        ) : (
          <Link to="/environments" data-row>
            {title}
          </Link>
        )}
        {reason && <div className="soft">{sentence(reason)}</div>}
      </div>
      {drift && <DriftButtons drift={drift} />}
    </li>
  )
}
