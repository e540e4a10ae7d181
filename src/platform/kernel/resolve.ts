/** Where a name leads, as this machine is told: its hosts file, then DNS. */
import { lookup } from 'node:dns/promises'

/** None where it leads nowhere. */
export async function resolveName(name: string): Promise<string[]> {
  // RFC 6761: always this machine, and not every resolver knows it.
  if (name.endsWith('.localhost')) return ['127.0.0.1']
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTFOUND' || code === 'ENODATA') return []
    throw error
  }
}
