/** What a person may read about domains. Pure. */
import { isIP } from 'node:net'
import { TowError } from '../../../api/errors.ts'

const EXAMPLE = 'tow domains add shop.example.com'

export const refusals = {
  notBare: (written: string) =>
    new TowError('BAD_INPUT', `"${written}" is more than a name: no https://, port or path belongs to it`, {
      hint: EXAMPLE,
    }),
  noName: (written: string) => new TowError('BAD_INPUT', `"${written}" is no domain name`, { hint: EXAMPLE }),
  oneLabel: (host: string) =>
    new TowError('BAD_INPUT', `"${host}" has a single part; a domain has at least two`, { hint: EXAMPLE }),
  wildcard: (written: string) =>
    new TowError('BAD_INPUT', `"${written}" stands for many names, and an app answers to single ones`, {
      hint: `${EXAMPLE}, once for each name`,
    }),
  taken: (host: string, app: string, environment: string) =>
    new TowError('CONFLICT', `${host} leads to ${app} in ${environment}, and a name leads to one app`, {
      hint: `tow domains remove ${host} -a ${app} -e ${environment}`,
    }),
  tooMany: (app: string, environment: string, most: number) =>
    new TowError(
      'REFUSED',
      `${app} in ${environment} answers to ${most} names of its own, the most there are`,
      {
        hint: `tow domains remove ... -a ${app} -e ${environment}`,
      },
    ),
  unknown: (host: string, app: string, environment: string) =>
    new TowError('NOT_FOUND', `${app} in ${environment} does not answer to ${host}`, {
      hint: `tow domains -a ${app} -e ${environment}`,
    }),
}

export const findings = {
  expiry: (certificate: string, day: string, days: number) => ({
    message:
      days < 0
        ? `its certificate ${certificate} ended on ${day}: browsers refuse it`
        : `its certificate ${certificate} ends on ${day}, in ${days} ${days === 1 ? 'day' : 'days'}`,
    hint: `put the renewed one in the place of ${certificate}: it is taken over by itself`,
  }),
  dns: (host: string, leadsTo: readonly string[], wanted: readonly string[]) => {
    const where = leadsTo.length === 0 ? 'leads nowhere' : `leads to ${leadsTo.join(', ')}`
    const [entrance = ''] = wanted
    return {
      message: `its name ${where}, and the environment is entered at ${entrance}`,
      hint: entrance.startsWith('127.')
        ? `for a try-out: echo '${entrance} ${host}' | sudo tee -a /etc/hosts`
        : `at whoever keeps its zone: ${host}. ${recordFor(entrance)}`,
    }
  },
}

function recordFor(entrance: string): string {
  const kind = { 0: 'CNAME', 4: 'A', 6: 'AAAA' }[isIP(entrance)]
  return `${kind} ${entrance}${kind === 'CNAME' ? '.' : ''}`
}
