/** One space: what is in it and what differs, who has its traffic, how to get in, and until when it lasts. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { TowError } from '../../api/errors.ts'
import type { Space } from '../../api/spaces.ts'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded, PageHead } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { useCommands } from '../shell/commands.ts'
import { askExtend, askRemove, askStart, askStop, wordsOf } from './actions.ts'
import { Copies } from './copies.tsx'
import { Invitations } from './invitations.tsx'
import { Links } from './links.tsx'
import { hoursOf, stateOf, toneOfCopy, wordOfCopy } from './words.ts'

const route = getRouteApi('/spaces/$space')
const TERMS = [24, 3 * 24, 7 * 24, 30 * 24] as const

export function SpacePage() {
  const { space: name } = route.useParams()
  const query = useQuery(queries.space(name))
  if ((query.error as TowError | null)?.code === 'NOT_FOUND') return <NoSuchSpace name={name} />
  return <Loaded query={query}>{(space) => <SpaceView space={space} />}</Loaded>
}

function NoSuchSpace({ name }: { name: string }) {
  return (
    <>
      <PageHead title={name} above={<Link to="/spaces">Spaces</Link>} />
      <Empty title={`There is no space ${name}`}>
        <span>It was removed, or it has expired. From the folder or commit that was in it:</span>
        <Command text={`tow ship --space ${name}`} />
      </Empty>
    </>
  )
}

function SpaceView({ space }: { space: Space }) {
  const { name, environment, owner, createdAt, expiresAt, removing, apps } = space
  const { data: me } = useQuery(queries.me())
  const state = stateOf(space)
  return (
    <>
      <PageHead
        title={name}
        above={
          <>
            <Link to="/spaces">Spaces</Link> / over {environment}
          </>
        }
        below={
          <>
            <State
              tone={state ? toneOfCopy(state) : 'none'}
              word={state ? wordOfCopy(state) : 'nothing is in it'}
            />{' '}
            · {me?.name === owner ? 'yours' : `of ${owner}`} · made <Ago at={createdAt} />
            {!removing && (
              <>
                {' '}
                · expires <Ago at={expiresAt} />
              </>
            )}
          </>
        }
      >
        {!removing && <SpaceActions space={space} />}
      </PageHead>
      <div className="columns wide-left">
        <div className="stack">
          {apps.length === 0 ? (
            <Empty title="Nothing is in it: all of it is the environment’s">
              <Command text={`tow ship --space ${name}`} />
            </Empty>
          ) : (
            <Copies space={space} />
          )}
        </div>
        <div className="stack">
          <Links space={space} isMine={me?.name === owner} />
          <Invitations space={space} />
          <Facts space={space} />
        </div>
      </div>
    </>
  )
}

function SpaceActions({ space }: { space: Space }) {
  const navigate = useNavigate()
  const [hours, setHours] = useState<number>(7 * 24)
  const running = space.apps.filter(({ state }) => !['stopped', 'removing'].includes(state))
  const resting = space.apps.filter(({ state }) => state === 'stopped' || state === 'asleep')
  const names = (apps: Space['apps']) => apps.map(({ app }) => app)
  const isAll = (apps: Space['apps']) => apps.length === space.apps.length
  const commands = useMemo(
    () => [
      { name: `keep ${space.name} for another week`, key: 'e', run: () => askExtend(space, 7 * 24) },
      {
        name: `remove the space ${space.name}`,
        run: () => askRemove(space, null, () => navigate({ to: '/spaces' })),
      },
    ],
    [space, navigate],
  )
  useCommands(commands)
  return (
    <>
      <span className="joined">
        <select
          aria-label="Keep it for so long from now"
          value={hours}
          onChange={(event) => setHours(Number(event.target.value))}
        >
          {TERMS.map((term) => (
            <option key={term} value={term}>
              {wordsOf(term)}
            </option>
          ))}
        </select>
        <button type="button" className="button" onClick={() => askExtend(space, hours)}>
          Extend…
        </button>
      </span>
      {resting.length > 0 && (
        <button
          type="button"
          className="button"
          onClick={() => askStart(space, names(resting), isAll(resting))}
        >
          {isAll(resting) ? 'Start…' : 'Start what rests…'}
        </button>
      )}
      {running.length > 0 && (
        <button
          type="button"
          className="button"
          onClick={() => askStop(space, names(running), isAll(running))}
        >
          Stop…
        </button>
      )}
      <button
        type="button"
        className="button"
        onClick={() => askRemove(space, null, () => navigate({ to: '/spaces' }))}
      >
        Remove…
      </button>
    </>
  )
}

function Facts({ space }: { space: Space }) {
  const { banner, branch, webhook, apps, expiresAt, name, full, place } = space
  const { cpu, memory } = hoursOf(apps)
  return (
    <Card title="About it" end={<Command text={`tow spaces show ${name}`} />}>
      <dl className="facts">
        {full && (
          <>
            <dt>Full</dt>
            <dd>databases of its own{place && `, in ${place}`}</dd>
          </>
        )}
        <dt>Asked for so far</dt>
        <dd className="number">
          {cpu} and {memory}, while awake
        </dd>
        <dt>Expires</dt>
        <dd>
          <Ago at={expiresAt} />, later where it is used
          {branch && `; or when the branch ${branch} is deleted`}
        </dd>
        <dt>Banner</dt>
        <dd>{banner ? 'pages say what is being looked at' : 'off: pages stay as they are'}</dd>
        {webhook && (
          <>
            <dt>Told</dt>
            <dd>{webhook}, once everything is live</dd>
          </>
        )}
      </dl>
    </Card>
  )
}
