/** Which platform a command speaks to: what the environment says, else where one signed in, else this machine's own. */
import { TowError } from '../../api/errors.ts'
import { platformUrl, readRemembered } from './remembered.ts'

export interface Chosen {
  url: string
  token: string
}

interface Place {
  env: NodeJS.ProcessEnv
  configHome: string
}

/** Null: the platform on this machine. A home that was named is a platform on this machine. */
export async function chosenPlatform({ env, configHome }: Place): Promise<Chosen | null> {
  const { TOW_URL, TOW_TOKEN } = env
  if (TOW_URL) {
    const url = platformUrl(TOW_URL)
    const token = TOW_TOKEN || (await readRemembered(configHome)).platforms[url]?.token
    if (token) return { url, token }
    throw new TowError('UNAUTHENTICATED', `TOW_URL is ${url}, and there is no token for it`, {
      hint: `set TOW_TOKEN, or tow login ${url}`,
    })
  }
  if (TOW_TOKEN) {
    throw new TowError('USAGE', 'TOW_TOKEN is set, and TOW_URL does not say for which platform', {
      hint: 'TOW_URL=https://tow.example.com:8700',
    })
  }
  if (env.TOW_HOME) return null
  const { current, platforms } = await readRemembered(configHome)
  const entry = current === null ? undefined : platforms[current]
  return entry ? { url: current!, token: entry.token } : null
}
