/** What a person may read about apps. */
import { TowError } from '../../../api/errors.ts'

export const refusals = {
  unknown(name: string, names: readonly string[], close: string | null): TowError {
    const there = names.length === 0 ? 'nothing was shipped yet' : `there is ${names.slice(0, 20).join(', ')}`
    const what = `there is no app "${name}"; ${close ? `did you mean ${close}?` : there}`
    return new TowError('NOT_FOUND', what, { hint: names.length === 0 ? 'tow ship' : 'tow apps' })
  },
  notConfirmed: (app: string, confirm: string) =>
    new TowError('BAD_INPUT', `to remove ${app}, confirm with its name, not "${confirm}"`, {
      hint: `tow apps remove ${app} --confirm ${app}`,
    }),
  notYours: (app: string, from: string, to: string | null) =>
    new TowError(
      'FORBIDDEN',
      `${app} belongs to ${from}: only ${from} or an administrator gives it to ${to ?? 'nobody'}`,
      {
        hint: `tow apps owner ${app} ${to ?? '--none'}, typed by one of them; or say owner: ${from} in tow.yaml`,
      },
    ),
  unknownTeam: (app: string, team: string, close: string | null) =>
    new TowError('REFUSED', `the owner of ${app} can’t be "${team}": there is no such team`, {
      hint: close ? `did you mean ${close}?` : `an administrator makes it: tow team add ${team}`,
    }),
  notInTeam: (app: string, team: string, name: string) =>
    new TowError('FORBIDDEN', `${name} is not in ${team}, so ${app} can’t be given to it`, {
      hint: `an administrator does it: tow apps owner ${app} ${team}`,
    }),
}

export const messages = {
  created: (app: string, owner: string | null) =>
    `${app} is known from now on${owner ? `; it belongs to ${owner}` : ''}`,
  given: (app: string, from: string | null, to: string | null) =>
    `${app} belongs to ${to ?? 'nobody'}${from === null ? '' : `, no more to ${from}`}`,
  removed: (app: string, environments: readonly string[]) =>
    `Removed ${app}${environments.length > 0 ? ` from ${environments.join(', ')}` : ''}`,
}
