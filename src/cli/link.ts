/** The platform as it is reached now, for what goes on for hours: one that starts anew may answer at another port. */
import type { Client } from '../client/client.ts'

export interface Link {
  client: Client
  /** Looks for it again; the client stays where there is none. */
  renew(): Promise<void>
}

export function linkTo(client: Client, connect: () => Promise<Client>): Link {
  const link: Link = {
    client,
    async renew() {
      link.client = await connect().catch(() => link.client)
    },
  }
  return link
}
