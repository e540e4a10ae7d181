/** Follows rollouts to their end, for every command that starts some. */
import type { Rollout } from '../api/rollouts.ts'
import type { Client } from '../client/client.ts'
import { createBoard } from './terminal/board.ts'
import { sayFailure } from './terminal/failure.ts'
import type { Terminal } from './terminal/terminal.ts'

export const ENDED = new Set<Rollout['phase']>(['live', 'failed', 'aborted', 'superseded'])

/** Exit code 0 when every rollout went live. Ctrl-C leaves them running, and says so. */
export async function followRollouts(
  client: Client,
  terminal: Terminal,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const board = createBoard(terminal)
  const ends = await Promise.all(
    ids.map(async (id) => {
      let last: Rollout | null = null
      try {
        for await (const rollout of await client.rollouts.follow({ id }, { signal })) {
          last = rollout
          const name = `${rollout.app} v${rollout.release} → ${rollout.environment}`
          const mark = rollout.phase === 'live' ? 'done' : ENDED.has(rollout.phase) ? 'failed' : 'running'
          board.set(name, mark, rollout.message)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
      return last
    }),
  ).finally(() => board.close())
  if (signal.aborted) {
    terminal.say('The rollout goes on without you. tow rollout shows it, tow rollout abort gives it up.')
    return 130
  }
  for (const end of ends) {
    if (end && end.phase !== 'live')
      sayFailure(terminal, { message: end.message, hint: end.hint ?? undefined, lastLines: end.lastLines })
  }
  return ends.every((end) => end?.phase === 'live') ? 0 : 1
}
