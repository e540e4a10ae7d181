/** What a person may read about environments. */
import { TowError } from '../../../api/errors.ts'
import type { Check } from '../../../engines/engine.ts'

export const refusals = {
  unknown: (name: string, names: string[], near: string | null) =>
    new TowError('NOT_FOUND', `there is no environment "${name}"; ${thereAre(names)}`, {
      hint: near ? `did you mean ${near}?` : `tow env add ${name}`,
    }),
  exists: (name: string) =>
    new TowError('CONFLICT', `there is an environment "${name}" already`, { hint: 'tow env' }),
  unknownEngine: (engine: string, kinds: readonly string[]) =>
    new TowError('BAD_INPUT', `there is no engine "${engine}" here; there is ${inWords(kinds)}`),
  checksFailed: (name: string, failed: readonly Check[]) =>
    new TowError(
      'REFUSED',
      `${name} cannot run apps yet: ${failed.map((check) => `${check.name}: ${check.message}`).join('; ')}`,
      { hint: failed.flatMap(({ mend }) => mend ?? []).join('; ') || 'tow doctor' },
    ),
  lendsNothing: (name: string, engine: string) =>
    new TowError(
      'REFUSED',
      `${name} is on the ${engine} engine, which looks up no images and needs no login`,
      {
        hint: 'tow env shows which environments are on Kubernetes',
      },
    ),
  inUse: (name: string, apps: string[]) =>
    new TowError(
      'REFUSED',
      `${inWords(apps)} ${apps.length === 1 ? 'runs' : 'run'} in ${name}; an environment is removed when nothing runs in it`,
      { hint: apps.map((app) => `tow apps remove ${app}`).join('; ') },
    ),
  stillLeaving: (name: string, apps: string[]) =>
    new TowError(
      'UNAVAILABLE',
      `${inWords(apps)} ${apps.length === 1 ? 'is' : 'are'} still being removed from ${name}`,
      {
        hint: `try again: tow env remove ${name}; where it stays so: tow doctor`,
      },
    ),
  last: (name: string) =>
    new TowError('REFUSED', `${name} is the only environment, and one has to be left`, {
      hint: 'add another first: tow env add <name>',
    }),
}

export const said = {
  lent: (name: string, lend: readonly string[], takeBack: readonly string[]) => {
    const parts = [
      lend.length === 0 ? [] : [`lent for ${inWords(lend)}`],
      takeBack.length === 0 ? [] : [`lent no more for ${inWords(takeBack)}`],
    ]
    return `Logins are ${parts.flat().join(', and ')} to who ships images to ${name}`
  },
}

function thereAre(names: string[]): string {
  return names.length === 1 ? `there is ${names[0]}` : `there are ${inWords(names)}`
}

/** `a`, `a and b`, `a, b and c`. */
function inWords(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? 'none') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
