/** Whether an image that was made elsewhere runs where Pod Security is restricted, and how. Pure. */
import type { ForeignImage } from '../../api/app-spec.ts'
import { TowError } from '../../api/errors.ts'
import type { ResolvedImage } from '../../images/index.ts'
import { WEB_PORT } from './names.ts'

type Judged = Pick<ResolvedImage, 'reference' | 'command' | 'user' | 'ports'> & {
  /** As it was asked for. */
  name: string
}

/** REFUSED where it would be root, or where nobody can tell which of its ports is meant. */
export function judgeImage({ name, reference, command, user, ports }: Judged, port?: number): ForeignImage {
  return {
    reference,
    ...(command.length > 0 && { command: command.map(quoted).join(' ') }),
    port: port ?? onlyPort(name, ports),
    ...userOf(name, user),
  }
}

function userOf(name: string, said: string): { user: number; group?: number } {
  const [user = '', group] = said.split(':')
  if (user === '' || user === 'root' || /^0+$/.test(user)) {
    throw new TowError('REFUSED', `${name} runs as root, which restricted Pod Security does not allow`, {
      hint: 'have it made with a user of its own, by number: USER 1000:1000 at the end of its Dockerfile',
    })
  }
  if (!/^\d{1,9}$/.test(user)) {
    throw new TowError(
      'REFUSED',
      `${name} runs as “${user}”, which its /etc/passwd does not name, and a cluster can tell only of a number that it is not root`,
      { hint: `have it made with the number of ${user}, like USER 1000:1000 at the end of its Dockerfile` },
    )
  }
  return {
    user: Number(user),
    ...(group !== undefined && /^\d{1,9}$/.test(group) && { group: Number(group) }),
  }
}

/** One that it names is where it listens; an app that names none reads `$PORT`. */
function onlyPort(name: string, ports: readonly number[]): number {
  if (ports.length <= 1) return ports[0] ?? WEB_PORT
  throw new TowError('BAD_INPUT', `${name} listens on several ports: ${ports.join(', ')}`, {
    hint: `name the one that takes requests: --port ${ports[0]}`,
  })
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
