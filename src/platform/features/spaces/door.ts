/** The way to a running workspace. What is spoken over it is between the agent there and whoever holds the files. */
import type { Duplex } from 'node:stream'
import { TowError } from '../../../api/errors.ts'
import type { Engine } from '../../../engines/engine.ts'
import type { Queries } from '../../kernel/database.ts'
import type { StreamDoor } from '../../kernel/http/streams.ts'
import { setOf } from './rules.ts'
import type { SpaceAppRow } from './store.ts'

interface WorkspaceDoor {
  db: Queries
  engines: (environment: string) => Promise<Engine>
  requireApp(db: Queries, space: string, app: string): Promise<SpaceAppRow>
}

export function workspaceDoor(parts: WorkspaceDoor): StreamDoor {
  return {
    url: '/spaces/:space/apps/:app/workspace/stream',
    config: { permission: 'app:change', objects: { space: 'space', app: 'app' } },
    open({ params }) {
      const { space, app } = params as { space: string; app: string }
      return open(parts, space, app)
    },
  }
}

async function open(door: WorkspaceDoor, space: string, app: string): Promise<Duplex> {
  const row = await door.requireApp(door.db, space, app)
  if (row.live === null) {
    throw new TowError('REFUSED', `${app} in ${space} runs as it was built, and follows no files`, {
      hint: `tow dev ${app} --space ${space}`,
    })
  }
  const engine = await door.engines(row.environment)
  return engine.workspace({ app, environment: row.environment, space }, setOf(row))
}
