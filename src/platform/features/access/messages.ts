/** What a person may read about people, teams and tokens. */
import { TowError } from '../../../api/errors.ts'

export const refusals = {
  unknownPrincipal: (name: string) =>
    new TowError('NOT_FOUND', `there is nobody called "${name}" here`, { hint: 'tow people' }),
  tokenExists: (name: string, principal: string) =>
    new TowError('CONFLICT', `${principal} has a token "${name}" already`, {
      hint: `choose another name, or take that one away: tow tokens remove ${name}`,
    }),
  expired: (name: string, at: Date) =>
    new TowError('UNAUTHENTICATED', `the token ${name} expired on ${at.toISOString().slice(0, 10)}`, {
      hint: 'tow tokens add makes a new one',
    }),
}
