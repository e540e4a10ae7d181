/** How much there is to run on, how much of it is asked for, and how much is used. */
import { useQuery } from '@tanstack/react-query'
import type { Capacity as Found } from '../../api/environments.ts'
import { queries } from '../live/queries.ts'
import { Loaded, megabytes, plural } from '../parts/parts.tsx'

export function Capacity({ environment }: { environment: string }) {
  return (
    <div className="capacity note">
      <Loaded query={useQuery(queries.capacity(environment))} lines={3}>
        {(found) => <Shown found={found} />}
      </Loaded>
    </div>
  )
}

function Shown({ found: { of, cpus, memoryBytes, asked, used, processes, silent } }: { found: Found }) {
  return (
    <>
      <Meter
        name="CPU"
        total={cpus}
        asked={asked.cpus}
        used={used?.cpus ?? null}
        words={(value) => `${Math.round(value * 10) / 10} ${value === 1 ? 'core' : 'cores'}`}
      />
      <Meter
        name="Memory"
        total={memoryBytes}
        asked={asked.memoryBytes}
        used={used?.memoryBytes ?? null}
        words={megabytes}
      />
      <p className="soft">
        {of === null ? 'The engine is not told how much there is.' : `Of ${of}.`}{' '}
        {silent > 0 &&
          `${silent} of ${plural(processes, 'process', 'processes')} ${silent === 1 ? 'does' : 'do'} not say what ${silent === 1 ? 'it needs' : 'they need'} (cpu and memory in tow.yaml).`}
      </p>
    </>
  )
}

interface MeterProps {
  name: string
  total: number | null
  asked: number
  used: number | null
  words: (value: number) => string
}

function Meter({ name, total, asked, used, words }: MeterProps) {
  const most = Math.max(total ?? 0, asked, used ?? 0) || 1
  const share = (value: number) => `${Math.min(100, (100 * value) / most)}%`
  const isOver = total !== null && asked > total
  return (
    <div className="meter">
      <strong>{name}</strong>
      {/* Without a whole there is no share of it. */}
      {total !== null && (
        <div className="meter-bar" aria-hidden="true">
          <span className="meter-asked" style={{ width: share(asked) }} />
          {used !== null && <span className="meter-used" style={{ width: share(used) }} />}
        </div>
      )}
      <span className="number">
        {used === null ? 'not measured' : `${words(used)} used`} · {words(asked)} asked for
        {total !== null && ` · ${words(total)} there`}
        {isOver && (
          <>
            {' '}
            <span className="tag" data-tone="warn">
              more than there is
            </span>
          </>
        )}
      </span>
    </div>
  )
}
