/** Ship from here: a branch that was pushed, built and released as `tow git ship` does; and how that goes. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import type { PushedBranch } from '../../api/git.ts'
import type { Ship } from '../../api/ships.ts'
import { usePlace } from '../app/place.ts'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import { Delivery } from './delivery.tsx'
import { stop } from './stop.ts'

const route = getRouteApi('/apps/$app/$environment/ship')

export function ShipPage() {
  const { app, environment } = usePlace()
  const { ship } = route.useSearch()
  const navigate = useNavigate({ from: '/apps/$app/$environment/ship' })
  const branches = useQuery(queries.branches(app))
  const { data } = useQuery(queries.app(app))
  const serving = data?.environments.find((one) => one.environment === environment)?.commit ?? null
  const onStarted = ({ id }: Ship) => void navigate({ search: { ship: id }, resetScroll: true })
  return (
    <div className="stack">
      {ship && <Delivery id={ship} app={app} />}
      <Card title="Branches that were pushed" end={<span className="soft">newest first</span>} flush>
        <Loaded query={branches}>
          {(all) =>
            all.length === 0 ? (
              <Empty title={`No branch of ${app} was pushed`}>
                <span>
                  <code>tow git remote</code>, then <code>git push tow &lt;branch&gt;</code> brings one here.
                </span>
              </Empty>
            ) : (
              <ul className="rows">
                {all.map((branch) => (
                  <BranchRow
                    key={`${branch.repository} ${branch.branch}`}
                    branch={branch}
                    isServing={branch.commit === serving}
                    ship={() => askShip({ app, environment, branch, onStarted })}
                  />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      <Card title="From your own folder">
        <div className="stack">
          <p className="soft">What nobody pushed is on one machine only, so it is shipped there.</p>
          <div>
            <Command text={`tow ship -a ${app} -e ${environment}`} />
          </div>
        </div>
      </Card>
    </div>
  )
}

function BranchRow({
  branch: { branch, repository, commit, subject, author, committedAt },
  isServing,
  ship,
}: {
  branch: PushedBranch
  isServing: boolean
  ship: () => void
}) {
  return (
    <li className="app-row">
      <div className="grow">
        <strong className="mono">{branch}</strong>{' '}
        {isServing && (
          <span className="tag" data-tone="good">
            serves here
          </span>
        )}
        <p className="soft">
          <span className="mono">{commit.slice(0, 7)}</span> {subject} · {author} · <Ago at={committedAt} /> ·{' '}
          in {repository}
        </p>
      </div>
      <button
        type="button"
        className="button"
        data-row
        aria-label={`Ship ${branch} of ${repository}`}
        onClick={ship}
      >
        Ship…
      </button>
    </li>
  )
}

interface AskShip {
  app: string
  environment: string
  branch: PushedBranch
  onStarted: (ship: Ship) => void
}

function askShip({ app, environment, branch: { branch, repository }, onStarted }: AskShip): void {
  ask({
    title: `Ship ${branch} of ${app} to ${environment}?`,
    consequence: `Its newest commit is built, and the release that comes of it takes over in ${environment} once it is healthy; until then what serves goes on serving. Git’s main stays where it is.`,
    command: `tow git ship ${branch} --repository ${repository} -a ${app} -e ${environment}`,
    verb: 'Ship',
    async run() {
      const { tree, folderName, origin } = await platform.git.tree({ repository, branch })
      const ship = await platform.ships.start({ tree, folderName, origin, apps: [app], environment })
      onStarted(ship)
      return {
        message: `Shipping ${branch} of ${app} to ${environment}`,
        undo: { label: 'Stop', run: () => void perform(() => stop(ship)) },
      }
    },
  })
}
