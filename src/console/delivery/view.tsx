import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Figures } from '../../api/delivery.ts'
import { DELIVERY_DEFINITIONS } from '../../api/delivery-definitions.ts'
import { queries } from '../live/queries.ts'
import { Meaning } from '../parts/meaning.tsx'
import { Card, Empty, Loaded } from '../parts/parts.tsx'
import { span } from '../parts/time.tsx'

export function DeliveryView({ environment, days }: { environment: string | undefined; days: number }) {
  return (
    <Loaded query={useQuery(queries.delivery(environment, days))} lines={8}>
      {({ all, apps, days: byDay, environment: where }) => (
        <div className="stack">
          <div className="figures">
            <Figure
              name="Deployments"
              value={String(all.deployments)}
              below={`${perDay(all.perDay)} a day, to ${where}`}
              definition={DELIVERY_DEFINITIONS.deployments}
            />
            <Figure
              name="Lead time"
              value={lasted(all.leadTimeMedian)}
              below={
                all.leadTimeNinetieth === null
                  ? 'no delivery yet'
                  : `9 of 10 within ${lasted(all.leadTimeNinetieth)}`
              }
              definition={DELIVERY_DEFINITIONS.leadTime}
            />
            <Figure
              name="Failed or rolled back"
              value={percent(all.failurePercent)}
              below={`${all.failed} failed, ${all.rolledBack} rolled back, of ${all.rollouts}`}
              definition={DELIVERY_DEFINITIONS.failures}
            />
          </div>
          <Card
            title={`By day, the last ${byDay.length}`}
            end={<span className="soft">{atMost(byDay)}</span>}
          >
            <Days days={byDay} />
          </Card>
          <Card title="By app" flush>
            {apps.length === 0 ? (
              <Empty title={`Nothing was delivered to ${where} in this time`}>
                <Link to="/promote">Promote something</Link>
              </Empty>
            ) : (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
              <section className="table-box" tabIndex={0} aria-label="Figures by app">
                <table className="table number">
                  <thead>
                    <tr>
                      <th scope="col">App</th>
                      <th scope="col">
                        <Meaning text={DELIVERY_DEFINITIONS.deployments}>Deployments</Meaning>
                      </th>
                      <th scope="col">
                        <Meaning text={DELIVERY_DEFINITIONS.leadTime}>Lead time</Meaning>
                      </th>
                      <th scope="col">
                        <Meaning text={DELIVERY_DEFINITIONS.failures}>Failed or rolled back</Meaning>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {apps.slice(0, 200).map((one) => (
                      <Row key={one.app} app={one.app} figures={one} />
                    ))}
                  </tbody>
                </table>
              </section>
            )}
          </Card>
        </div>
      )}
    </Loaded>
  )
}

const perDay = (count: number) =>
  count >= 10 ? String(Math.round(count)) : String(Math.round(count * 10) / 10)
const lasted = (seconds: number | null) => (seconds === null ? '–' : span(seconds))
const percent = (value: number | null) => (value === null ? '–' : `${Math.round(value * 10) / 10} %`)

function Row({ app, figures }: { app: string; figures: Figures }) {
  return (
    <tr>
      <td>
        <Link to="/apps/$app" params={{ app }} data-row>
          {app}
        </Link>
      </td>
      <td>{figures.deployments}</td>
      <td>{lasted(figures.leadTimeMedian)}</td>
      <td>
        {percent(figures.failurePercent)}{' '}
        <span className="soft">
          {figures.failed + figures.rolledBack} of {figures.rollouts}
        </span>
      </td>
    </tr>
  )
}

function Figure({
  name,
  value,
  below,
  definition,
}: {
  name: string
  value: string
  below: string
  definition: string
}) {
  return (
    <section className="figure card">
      <h2>
        <Meaning text={definition}>{name}</Meaning>
      </h2>
      <p className="value number">{value}</p>
      <p className="soft">{below}</p>
    </section>
  )
}

const HEIGHT = 90

/** What the highest of the bars stands for. */
const atMost = (days: readonly { deployments: number; failures: number }[]) =>
  `at most ${Math.max(0, ...days.map(({ deployments, failures }) => deployments + failures))} a day`

function Days({ days }: { days: readonly { day: string; deployments: number; failures: number }[] }) {
  const most = Math.max(1, ...days.map(({ deployments, failures }) => deployments + failures))
  const width = 100 / days.length
  const sum = days.reduce((all, { deployments }) => all + deployments, 0)
  return (
    <figure>
      <svg className="days" viewBox={`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" role="img">
        <title>{`${sum} deployments in ${days.length} days, at most ${most} on one`}</title>
        {days.map(({ day, deployments, failures }, index) => {
          const good = (deployments / most) * (HEIGHT - 4)
          const bad = (failures / most) * (HEIGHT - 4)
          const x = index * width + width * 0.15
          return (
            <g key={day}>
              <title>{`${day}: ${deployments} deployments, ${failures} failed or rolled back`}</title>
              <rect x={index * width} y={0} width={width} height={HEIGHT} fill="transparent" />
              <rect
                x={x}
                y={HEIGHT - Math.max(good, 0.8)}
                width={width * 0.7}
                height={Math.max(good, 0.8)}
                fill="var(--mark)"
                opacity={deployments === 0 ? 0.3 : 1}
              />
              <rect x={x} y={HEIGHT - good - bad} width={width * 0.7} height={bad} fill="var(--bad)" />
            </g>
          )
        })}
      </svg>
      <figcaption className="soft number">
        <span>{days[0]?.day}</span>
        <span className="legend">
          <i className="swatch" /> live <i className="swatch bad" /> failed or rolled back
        </span>
        <span>{days.at(-1)?.day}</span>
      </figcaption>
    </figure>
  )
}
