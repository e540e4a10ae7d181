import { withEventMeta } from '@orpc/server'
import { operations } from '../../kernel/operations.ts'
import { readPosition, writePosition } from './follow.ts'
import type { Ships } from './index.ts'

/** `apps.detect` is here and not with the apps: it reads a tree, and changes nothing about them. */
export function shipRoutes(ships: Ships) {
  return {
    apps: {
      detect: operations.apps.detect.handler(({ input }) => ships.detect(input.tree, input.folderName)),
    },
    ships: {
      start: operations.ships.start.handler(({ input, context }) => ships.begin(context.actor, input)),
      get: operations.ships.get.handler(({ input }) => ships.view(input.id)),
      ofBuild: operations.ships.ofBuild.handler(({ input }) => ships.allOfBuild(input.id)),
      cancel: operations.ships.cancel.handler(({ input, context }) => ships.cancel(context.actor, input.id)),
      follow: operations.ships.follow.handler(async function* ({ input, context, lastEventId }) {
        const from = readPosition(lastEventId)
        for await (const { update, position } of ships.follow(input.id, from, context.signal)) {
          // An event without an id would make a client that lost its connection begin anew.
          yield withEventMeta(update, { id: writePosition(position) || 'start' })
        }
      }),
    },
  }
}
