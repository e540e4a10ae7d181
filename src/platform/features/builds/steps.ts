/** The steps of a build as they come, with their times. */
import type { Build } from '../../../api/builds.ts'
import type { Clock } from '../../kernel/clock.ts'

export type Step = Build['steps'][number]

export interface StepRecorder {
  /** `reused`: why it does not run; `because`: why it does, where it might have been reused. */
  begin(name: string, why?: { reused?: string | undefined; because?: string | undefined }): void
  /** The last step is over. */
  end(failed: boolean): void
  steps(): Step[]
}

/** `onChange` is told after every beginning and end. */
export function createStepRecorder(clock: Clock, onChange: () => void): StepRecorder {
  const steps: Step[] = []
  const now = () => clock.now().toISOString()
  const close = (failed: boolean) => {
    const last = steps.at(-1)
    if (last && last.endedAt === null) Object.assign(last, { endedAt: now(), failed })
  }
  return {
    begin(name, { reused, because } = {}) {
      close(false)
      const startedAt = now()
      const endedAt = reused === undefined ? null : startedAt
      steps.push({
        name,
        startedAt,
        endedAt,
        reused: reused ?? null,
        because: because ?? null,
        failed: false,
      })
      onChange()
    },
    end(failed) {
      close(failed)
      onChange()
    },
    steps: () => structuredClone(steps),
  }
}
