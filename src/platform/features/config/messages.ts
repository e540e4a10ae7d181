/** What a person may read about config. No message holds a value. */
import { TowError } from '../../../api/errors.ts'
import type { Place } from './seal.ts'

type OfApp = { app: string; environment: string }

const at = ({ app, environment }: OfApp) => `-a ${app} -e ${environment}`
const name = ({ app, environment, key, version }: Place) =>
  key.startsWith('need:')
    ? `the password of the database of ${app} in ${environment}`
    : `the secret ${key} (version ${version}) of ${app} in ${environment}`

export const refusals = {
  noKey: (key: string, of: OfApp, near: string | null) =>
    new TowError('NOT_FOUND', `${of.app} has no ${key} in ${of.environment}`, {
      hint: near ? `did you mean ${near}?` : `tow config ${at(of)}`,
    }),
  nothingAsked: () =>
    new TowError('BAD_INPUT', 'no key to set or to unset was given', { hint: 'tow config set KEY=value' }),
  setAndUnset: (key: string) => new TowError('BAD_INPUT', `${key} is to be set and unset at the same time`),
  zeroByte: (key: string) =>
    new TowError(
      'BAD_INPUT',
      `the value of ${key} holds a zero byte, which no environment variable can carry`,
    ),
  tooLong: (key: string, bytes: number, most: number) =>
    new TowError('TOO_LARGE', `the value of ${key} has ${bytes} bytes, and at most ${most} fit`),
  reserved: (keys: { key: string; reason: string }[]) =>
    new TowError('REFUSED', keys.map(({ key, reason }) => `${key} can't be set: ${reason}`).join('; ')),
  staysSecret: (key: string, of: OfApp) =>
    new TowError('REFUSED', `${key} of ${of.app} in ${of.environment} is a secret and stays one`, {
      hint: `to make it plain, unset it first: tow config unset ${key} ${at(of)}`,
    }),
  keyOpen: (path: string, mode: number) =>
    new TowError('REFUSED', `the key file ${path} can be read by others (mode ${mode.toString(8)})`, {
      hint: `chmod 600 ${path}`,
    }),
  keyUnreadable: (path: string) =>
    new TowError('REFUSED', `the key file ${path} belongs to someone else and can't be read`, {
      hint: `give it back to the user that the platform runs as: chown <user> ${path}`,
    }),
  keyDamaged: (path: string) =>
    new TowError('REFUSED', `the key file ${path} does not hold the key that it should`, {
      hint: `put ${path} back from a backup`,
    }),
  lost: (places: Place[], paths: string[]) => {
    const [first] = places as [Place, ...Place[]]
    const settable = [...new Set(places.map(({ key }) => key).filter((key) => !key.startsWith('need:')))]
    const again =
      settable.length > 0 ? `, or set again: tow config set ${settable.join('=... ')}=... ${at(first)}` : ''
    return new TowError(
      'REFUSED',
      `${inWords(places.map(name))} can't be read: the key file ${paths.join(', ')} is gone`,
      { hint: `put ${paths.join(', ')} back from a backup${again}` },
    )
  },
  changedOutside: (place: Place) =>
    new TowError(
      'REFUSED',
      `${name(place)} was changed in the database behind the platform’s back and is not used`,
      {
        hint: place.key.startsWith('need:') ? undefined : `tow config set ${place.key}=... ${at(place)}`,
      },
    ),
  gone: (place: Place) => new TowError('NOT_FOUND', `${name(place)} is not kept any more`),
}

/** `Set REGION and SIZE, unset OLD`: the line of a release and of an event. */
export function describeChange(set: string[], unset: string[]): string {
  const parts = [
    set.length > 0 ? `set ${inWords(set)}` : '',
    unset.length > 0 ? `unset ${inWords(unset)}` : '',
  ]
  const text = parts.filter((part) => part !== '').join(', ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** `a`, `a and b`, `a, b and c`. */
export function inWords(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
