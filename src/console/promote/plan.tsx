import { useQuery } from '@tanstack/react-query'
import type { PromotionPlan } from '../../api/pipelines.ts'
import { Differences } from '../app/differences.tsx'
import { queries } from '../live/queries.ts'
import { Card, Hint, Loaded, plural, sentence } from '../parts/parts.tsx'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import { Brings, MissingConfig } from './brings.tsx'
import type { Started } from './page.tsx'

interface PlanProps {
  apps: string[]
  from: string
  to: string
  onStarted: (started: Started[]) => void
}

/** What would change, and every reason why it can’t be done; the platform says both. */
export function Plan({ apps, from, to, onStarted }: PlanProps) {
  const query = useQuery(queries.plan(apps, to))
  return (
    <Loaded query={query} lines={6}>
      {(plans) => {
        const refused = plans.filter(({ refusals }) => refusals.length > 0)
        const moving = plans.filter(({ unchanged, refusals }) => !unchanged && refusals.length === 0)
        return (
          <>
            <div className="buttons">
              <button
                type="button"
                className="button"
                data-tone="main"
                disabled={refused.length > 0 || moving.length === 0}
                onClick={() => askPromote({ plans: moving, from, to, onStarted })}
              >
                Promote {plural(moving.length, 'app')} to {to}…
              </button>
              {refused.length > 0 && (
                <span className="soft">
                  All are promoted together, or none: mend what is refused, or leave it out.
                </span>
              )}
              {refused.length === 0 && moving.length === 0 && (
                <span className="soft">{to} serves all of it already.</span>
              )}
            </div>
            {plans.map((plan) => (
              <OnePlan key={plan.app} plan={plan} />
            ))}
          </>
        )
      }}
    </Loaded>
  )
}

function OnePlan({ plan }: { plan: PromotionPlan }) {
  const { app, pinned, unchanged, refusals, differences, to } = plan
  return (
    <Card
      title={pinned ? `${app} v${pinned.number}` : app}
      end={
        unchanged && (
          <span className="tag" data-tone="good">
            unchanged
          </span>
        )
      }
    >
      <div className="stack">
        {refusals.map(({ message, hint }) => (
          <div className="problem" key={message}>
            <p>{sentence(message)}</p>
            {hint && (
              <p>
                <Hint text={hint} />
              </p>
            )}
          </div>
        ))}
        {!unchanged && <Brings plan={plan} />}
        {!unchanged && <MissingConfig plan={plan} />}
        {unchanged ? (
          <p className="soft">{to} serves this artifact with this config.</p>
        ) : (
          <div>
            <h3>What differs from what serves in {to}</h3>
            <Differences differences={differences} />
          </div>
        )}
      </div>
    </Card>
  )
}

function askPromote({
  plans,
  from,
  to,
  onStarted,
}: {
  plans: PromotionPlan[]
  from: string
  to: string
  onStarted: (started: Started[]) => void
}): void {
  const names = plans.map(({ app }) => app)
  const shown =
    names.length > 6 ? `${names.slice(0, 6).join(', ')} and ${names.length - 6} more` : names.join(', ')
  ask({
    title: `Promote ${plural(names.length, 'app')} to ${to}?`,
    consequence: `${shown}: what ${from} serves now takes over in ${to} once it is healthy; until then what serves there goes on serving.`,
    command: `tow promote ${names.join(' ')} --to ${to}`,
    verb: 'Promote',
    async run() {
      const before = new Map(
        (await platform.apps.list({ environment: to })).map(({ name, environments }) => [
          name,
          environments[0]?.release,
        ]),
      )
      const done = await platform.pipelines.promote({
        to,
        apps: plans.map(({ app, pinned }) => ({ app, from, release: pinned?.id ?? '' })),
      })
      onStarted(
        done.flatMap(({ app, release, rollout }) =>
          rollout ? [{ app, rollout, release: release.number }] : [],
        ),
      )
      const back = names.filter((app) => before.get(app))
      const undo = () =>
        void perform(async () => {
          for (const app of back)
            await platform.releases.rollback({ app, environment: to, to: before.get(app)! })
          return { message: `Rolling ${back.join(', ')} back in ${to}` }
        })
      return {
        message: `Promoting ${shown} to ${to}`,
        ...(back.length > 0 ? { undo: { label: 'Roll back', run: undo } } : {}),
      }
    },
  })
}
