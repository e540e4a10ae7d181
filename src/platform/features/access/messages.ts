/** What a person may read about people, teams and tokens. */
import { TowError } from '../../../api/errors.ts'
import type { ScopedPermission } from '../../../api/operation.ts'
import type { Grant } from '../../../api/roles.ts'
import type { Lack, Touched } from './rules.ts'

const DOING: Record<ScopedPermission, string> = {
  'app:change': 'change',
  'app:secret': 'see the secrets of',
  'environment:operate': 'do this to',
}

export const refusals = {
  /** Everything that is lacking, each once. */
  forbidden(
    name: string,
    permission: ScopedPermission,
    lacking: readonly { touched: Touched; lack: Lack }[],
  ): TowError {
    const sentences = lacking.map(({ touched: { app, environment }, lack }) => {
      const what = [app, environment].filter((one) => one !== null).join(' in ')
      const may = `${name} may not ${DOING[permission]} ${what || 'anything'}`
      if (lack.lacks === 'team') return `${may}: it belongs to ${lack.team}`
      if (lack.lacks === 'space')
        return `${name} may not change the space ${lack.space}: it belongs to ${lack.person}`
      return `${may}: that takes the role ${lack.role}${environment === null ? '' : ` in ${environment}`}`
    })
    const space = lacking.find(({ lack }) => lack.lacks === 'space')?.lack
    const teams = lacking.flatMap(({ lack }) => (lack.lacks === 'team' ? [lack.team] : []))
    return new TowError('FORBIDDEN', [...new Set(sentences)].join('\n'), {
      hint:
        space && 'person' in space
          ? `choose another name, or ask ${space.person}`
          : teams[0]
            ? `ask ${teams[0]}; an administrator adds you to it: tow team join ${teams[0]} ${name}`
            : 'tow whoami shows your roles; an administrator gives them: tow people grant',
    })
  },

  unknownPrincipal: (name: string, close: string | null) =>
    new TowError('NOT_FOUND', `there is nobody called "${name}" here`, {
      hint: close ? `did you mean ${close}?` : 'tow people',
    }),
  principalExists: (name: string) =>
    new TowError('CONFLICT', `there is somebody called "${name}" already`, {
      hint: `tow people grant ${name} gives them more roles`,
    }),
  starter: (name: string) =>
    new TowError(
      'REFUSED',
      `${name} started this platform, and its token file is theirs: they can’t be removed`,
      {
        hint: 'let another user run tow up first',
      },
    ),
  heldEverywhere: (role: string) =>
    new TowError(
      'BAD_INPUT',
      `the role ${role} is held everywhere, so it can’t be given in one environment`,
      {
        hint: `--role ${role}, without --env`,
      },
    ),
  unknownTeam: (name: string, close: string | null) =>
    new TowError('NOT_FOUND', `there is no team "${name}"`, {
      hint: close ? `did you mean ${close}?` : `tow team add ${name}`,
    }),
  teamExists: (name: string) =>
    new TowError('CONFLICT', `there is a team "${name}" already`, { hint: 'tow team' }),
  ownsApps: (name: string, apps: readonly string[]) =>
    new TowError('REFUSED', `${name} owns ${apps.join(', ')}, so it can’t be removed`, {
      hint: apps.map((app) => `tow apps owner ${app} <team>`).join('; '),
    }),
  notInTeam: (team: string, person: string) =>
    new TowError('NOT_FOUND', `${person} is not in the team ${team}`, { hint: 'tow team' }),
  unknownToken: (name: string, principal: string, close: string | null) =>
    new TowError('NOT_FOUND', `${principal} has no token "${name}"`, {
      hint: close ? `did you mean ${close}?` : 'tow tokens',
    }),
  tokenExists: (name: string, principal: string) =>
    new TowError('CONFLICT', `${principal} has a token "${name}" already`, {
      hint: `choose another name, or end that one: tow tokens remove ${name}`,
    }),
  noMachine: (name: string) =>
    new TowError('REFUSED', `${name} is a person: nobody else makes a token of theirs`, {
      hint: `tow tokens add, typed by ${name}; or a machine: tow tokens add <name> --machine`,
    }),
  expired: (name: string, at: Date) =>
    new TowError('UNAUTHENTICATED', `the token ${name} expired on ${at.toISOString().slice(0, 10)}`, {
      hint: 'tow tokens add makes a new one',
    }),
}

/** `developer in stage, viewer`. */
export function inWords(grants: readonly Grant[]): string {
  const words = grants.map(({ role, environment }) =>
    environment === null ? role : `${role} in ${environment}`,
  )
  return words.join(', ') || 'no role'
}
