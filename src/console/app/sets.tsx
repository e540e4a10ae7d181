import type { ProcessList } from '../../api/processes.ts'
import { Empty, plural } from '../parts/parts.tsx'

/** How requests are shared between what runs, drawn and in words. */
export function Sets({ sets, maintenance }: Pick<ProcessList, 'sets' | 'maintenance'>) {
  if (sets.length === 0) return <Empty title="Nothing serves" />
  return (
    <div className="sets">
      {maintenance && <p className="note">Closed for maintenance: {maintenance.message}</p>}
      <div className="split" aria-hidden="true">
        {sets
          .filter(({ percent }) => percent > 0)
          .map(({ release, percent }, index) => (
            <span key={release} className="share" style={{ flexGrow: percent }} data-place={index % 2}>
              v{release} · {Math.round(percent)} %
            </span>
          ))}
        {sets.every(({ percent }) => percent === 0) && (
          <span className="share" data-place="none">
            no requests are routed
          </span>
        )}
      </div>
      <ul>
        {sets.map(({ release, percent, healthy, processes, inFlight }) => (
          <li key={release} className="number">
            <strong>v{release}</strong> takes {Math.round(percent)} % of requests · {healthy} of{' '}
            {plural(processes, 'process', 'processes')} healthy · {plural(inFlight, 'request')} under way
            <span className="pips" aria-hidden="true">
              {Array.from({ length: Math.min(processes, 40) }, (_, index) => (
                <i key={index} data-healthy={index < healthy} />
              ))}
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}
