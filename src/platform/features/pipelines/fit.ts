/** Whether the engine of an environment can run an artifact; asked outside any change, because it may take its time. */
import type { Engine } from '../../../engines/engine.ts'
import type { ReleaseWithState } from '../releases/index.ts'
import { within } from '../rollouts/index.ts'
import { engineAway, platformRefusal, type Refusal } from './rules.ts'

const ASK_MS = 5_000

export async function platformRefusals(
  engines: (environment: string) => Promise<Engine>,
  to: string,
  { app, content }: Pick<ReleaseWithState, 'app' | 'content'>,
): Promise<Refusal[]> {
  try {
    const engine = await engines(to)
    const problem = await within(
      engine.refuses(content),
      ASK_MS,
      new AbortController().signal,
      'it does not answer',
    )
    return problem ? [platformRefusal(app, to, problem)] : []
  } catch (error) {
    return [engineAway(to, (error as Error).message)]
  }
}
