/**
 * Where a name leads, as DNS tells, else as the hosts file of this machine does. The system's own resolver is asked last:
 * it holds a thread that files are read with for as long as it waits.
 */
import { lookup, Resolver } from 'node:dns/promises'

const PATIENCE = { timeout: 2000, tries: 1 }
const NONE = new Set(['ENOTFOUND', 'ENODATA'])

/** None where it leads nowhere. */
export async function resolveName(name: string): Promise<string[]> {
  // RFC 6761: the one is always this machine, the other always nowhere, and not every resolver knows.
  if (name.endsWith('.localhost')) return ['127.0.0.1']
  if (name.endsWith('.invalid')) return []
  const resolver = new Resolver(PATIENCE)
  // Nobody to be asked is no reason to give up: there is the hosts file.
  const known = (error: NodeJS.ErrnoException) => {
    if (!NONE.has(error.code ?? '') && error.code !== 'ECONNREFUSED') throw error
    return []
  }
  const found = await Promise.all([
    resolver.resolve4(name).catch(known),
    resolver.resolve6(name).catch(known),
  ])
  return found.flat().length > 0 ? found.flat() : asThisMachineKnows(name)
}

async function asThisMachineKnows(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch (error) {
    if (NONE.has((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
