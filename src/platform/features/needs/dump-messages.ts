/** What a person may read about dumps. */
import { MOST_DUMP_BYTES } from '../../../api/dumps.ts'
import { TowError } from '../../../api/errors.ts'
import type { Program } from './dump-programs.ts'

type Named = { name: string; app: string; environment: string }

export const dumpSaid = {
  asked: ({ name, app, environment }: Named) =>
    `Takes a dump of the database of ${app} in ${environment}: ${name}`,
  ready: ({ name, app, environment }: Named) =>
    `The dump ${name} of ${app} in ${environment} is ready: whoever may change ${app} may fill a space from it`,
  added: ({ name, app }: Named) => `Brought the dump ${name} for databases of ${app} in spaces`,
  failed: ({ name, app, environment }: Named, reason: string) =>
    `The dump ${name} of ${app} in ${environment} failed: ${reason}`,
  removed: ({ name, app }: Named) => `Removed the dump ${name} of ${app}`,
}

const install = (server: number) => `install PostgreSQL’s client ${server} where the platform runs`

export const dumpRefusals = {
  unknown: (name: string) =>
    new TowError('NOT_FOUND', `there is no dump "${name}" that is ready`, { hint: 'tow dumps' }),
  taken: (name: string) =>
    new TowError('CONFLICT', `there is a dump ${name} already`, {
      hint: `choose another name, or tow dumps remove ${name} first`,
    }),
  tooMany: (most: number) =>
    new TowError('REFUSED', `there are ${most} dumps, and that is the most`, {
      hint: 'tow dumps, then tow dumps remove <name>',
    }),
  tooLarge: () =>
    new TowError('REFUSED', `a dump has at most ${MOST_DUMP_BYTES / 1024 ** 3} GiB, and this one is larger`, {
      hint: 'leave large tables out: pg_dump -Fc --exclude-table-data=<table>',
    }),
  noDump: (name: string) =>
    new TowError('BAD_INPUT', `what was sent as ${name} is no dump in PostgreSQL’s custom format`, {
      hint: 'pg_dump -Fc writes one',
    }),
  noDumper: ({ environment }: Named, server: number, programs: readonly Program[]) => {
    const here = Math.max(...programs.map(({ major }) => major))
    const what = programs.length > 0 ? `pg_dump here is ${here}` : 'there is no pg_dump here'
    return new TowError(
      'UNSUPPORTED',
      `${what}, and the PostgreSQL of ${environment} is ${server}: only one at least as new can dump it`,
      { hint: `${install(server)}, or bring a dump that you have: tow dumps add … --file` },
    )
  },
  failed: ({ name }: Named, complaint: string) =>
    new TowError('FAILED', `pg_dump could not take ${name}: ${complaint}`),
  noRestorer: (name: string, server: number) =>
    new TowError('UNSUPPORTED', `there is no pg_restore here, which ${name} is brought back with`, {
      hint: install(server),
    }),
  notRestored: (name: string, major: number, complaint: string) =>
    new TowError('REFUSED', `pg_restore ${major} could not bring ${name} back: ${complaint}`, {
      hint: 'dumps take everything but owners and privileges; extensions must be there, and trusted',
    }),
  awaited: (name: string) =>
    new TowError('CONFLICT', `a database of a space is being filled from ${name}`, {
      hint: 'tow spaces shows when that is done',
    }),
}
