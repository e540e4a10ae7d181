import { TowError } from '../../api/errors.ts'
import { createClient } from '../../client/client.ts'
import type { Command } from '../command.ts'
import { platformUrl, readRemembered, writeRemembered } from '../platform/remembered.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '[url]', description: 'of the platform (default: the one that commands speak to)' }],
  examples: [
    ['tow logout', 'ends the token on the platform too, and forgets it here; undo: tow login <url>'],
  ],
  async run({ terminal, json, configHome }, [address]) {
    const remembered = await readRemembered(configHome)
    const url = address === undefined ? remembered.current : platformUrl(address)
    const entry = url === null ? undefined : remembered.platforms[url]
    if (url === null || !entry) {
      throw new TowError(
        'NOT_FOUND',
        url === null ? 'you are signed in nowhere' : `you are not signed in to ${url}`,
        {
          hint: 'tow login lists where you are',
        },
      )
    }
    const kept = await end(url, entry.token)
    const { [url]: _, ...platforms } = remembered.platforms
    await writeRemembered(configHome, {
      current: remembered.current === url ? null : remembered.current,
      platforms,
    })
    if (json) printJson(terminal, { url, ended: kept === null })
    else if (kept === null) terminal.say(`Signed out of ${url}. Undo: tow login ${url}`)
    else
      terminal.say(
        `The token is forgotten here, but not ended: ${kept}. It is good until ${entry.expiresAt.slice(0, 10)}.`,
      )
    return kept === null ? 0 : 1
  },
}

/** Why it is still good there; null where it is not. */
async function end(url: string, token: string): Promise<string | null> {
  try {
    await createClient({ url, token }).signIn.signOut({})
    return null
  } catch (error) {
    if (!(error instanceof TowError)) throw error
    return error.code === 'UNAUTHENTICATED' ? null : error.message
  }
}
