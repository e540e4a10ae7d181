/** The way to an app's database, for whoever may open it: the platform reaches it wherever it is. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { TowError } from '../../../api/errors.ts'
import type { StreamDoor } from '../../kernel/http/streams.ts'
import type { createDatabases } from './databases.ts'

export function databaseDoor(databases: Pick<ReturnType<typeof createDatabases>, 'address'>): StreamDoor {
  return {
    url: '/apps/:app/environments/:environment/needs/postgres/stream',
    config: { permission: 'app:secret', objects: { app: 'app', environment: 'environment' } },
    async open({ params }) {
      const of = params as { app: string; environment: string }
      const socket = connect(await databases.address(of))
      await once(socket, 'connect').catch((cause) => {
        const message = `the database of ${of.app} in ${of.environment} does not answer`
        throw new TowError('UNAVAILABLE', message, { cause })
      })
      return socket
    },
  }
}
