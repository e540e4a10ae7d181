/** What a person may read about signing in. None of it tells whether somebody is known here. */
import { TowError } from '../../../api/errors.ts'

const seconds = (count: number) => (count === 1 ? '1 second' : `${count} seconds`)

export const refusals = {
  wrong: () =>
    new TowError('UNAUTHENTICATED', 'this name and this password don’t fit together', {
      hint: 'try again; who has forgotten it asks an administrator for tow people invite',
    }),
  wrongPresent: () => new TowError('FORBIDDEN', 'the present password is another'),
  spent: () =>
    new TowError('UNAUTHENTICATED', 'this code was used already, or its time is over', {
      hint: 'ask for another: tow people invite, or tow open --console on the machine itself',
    }),
  tooMany: (retryAfterSeconds: number) =>
    new TowError('TOO_MANY', `too many attempts failed: wait ${seconds(retryAfterSeconds)}`, {
      retryAfterSeconds,
      hint: 'tokens and browsers that are signed in go on',
    }),
  busy: () =>
    new TowError('TOO_MANY', 'too many people sign in at this moment', {
      retryAfterSeconds: 2,
      hint: 'try again',
    }),
  unknown: (name: string) =>
    new TowError('NOT_FOUND', `there is nobody called "${name}" here`, { hint: 'tow people add' }),
  machine: (name: string) =>
    new TowError('REFUSED', `${name} is a machine, and machines have no password`, {
      hint: 'tow tokens add --machine',
    }),
  notSignedIn: () =>
    new TowError('REFUSED', 'the token of whoever started the platform can’t be signed out', {
      hint: 'it lies in the platform’s home; remove the file token there and start again for a new one',
    }),
}
