/** What a promotion brings: the releases between, by their commits, and config that is not there. */
import type { PromotionPlan } from '../../api/pipelines.ts'
import { Command } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'

const MOST = 8

export function Brings({ plan: { brings } }: { plan: PromotionPlan }) {
  if (brings.length === 0) return null
  return (
    <div>
      <h3>{brings.length === 1 ? 'Brings one release' : `Brings ${brings.length} releases`}</h3>
      <ul className="brings">
        {brings.slice(0, MOST).map(({ number, commit, subject, by, liveAt }) => (
          <li key={number}>
            <strong className="number">v{number}</strong>
            <span className="mono soft">{commit?.slice(0, 7) ?? 'no commit'}</span>
            <span className="grow">{subject}</span>
            <span className="soft">
              {by}
              {liveAt && (
                <>
                  , <Ago at={liveAt} />
                </>
              )}
            </span>
          </li>
        ))}
        {brings.length > MOST && <li className="soft">and {brings.length - MOST} before them</li>}
      </ul>
    </div>
  )
}

export function MissingConfig({ plan: { app, from, to, missingConfig } }: { plan: PromotionPlan }) {
  if (missingConfig.length === 0) return null
  const [{ key, secret }] = missingConfig as [(typeof missingConfig)[number]]
  return (
    <div>
      <h3>
        Set in {from}, not in {to}
      </h3>
      <ul className="keys">
        {missingConfig.map(({ key, secret, required }) => (
          <li key={key}>
            <code>{key}</code>{' '}
            {required && (
              <span className="tag" data-tone="bad">
                required
              </span>
            )}
            {secret && <span className="tag">secret</span>}
          </li>
        ))}
      </ul>
      <Command text={`tow config set ${key}=...${secret ? ' --secret' : ''} -a ${app} -e ${to}`} />
    </div>
  )
}
