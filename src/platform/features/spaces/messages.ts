/** Every sentence about spaces that a person may meet. */
import { TowError } from '../../../api/errors.ts'
import type { ObservedProcess } from '../../../engines/engine.ts'

type OfApp = { app: string; space: string }
type Copy = OfApp & { environment: string }

export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

/** Where something is: `mine over stage`. */
const at = ({ space, environment }: { space: string; environment: string }) => `${space} over ${environment}`

export const said = {
  waking: 'it slept, and somebody asked for it',
  isLive: 'everything that should run is healthy',
  command: 'the release command runs',
  isBeingLed: 'it is healthy; whoever asks for it is not led there yet',
  starts: (names: readonly string[]) => `${listed(names)} ${names.length === 1 ? 'starts' : 'start'}`,
  late: (process: string, seconds: number) => `${process} was not healthy within ${seconds} s`,
  crashed: (row: OfApp, { process, lastExit }: ObservedProcess) =>
    `${process} of ${row.app} crashed${lastExit ? `: ${lastExit.reason}` : ''}`,
  commandFailed: (reason: string | null) => `the release command failed${reason ? `: ${reason}` : ''}`,
  banner: (space: string, owner: string, environment: string) =>
    `${space}, a space of ${owner} over ${environment}`,

  created: (space: string, owner: string, environment: string, isFull: boolean) =>
    `${owner} made the ${isFull ? 'full ' : ''}space ${space} over ${environment}`,
  delivered: (row: Copy, commit: string | undefined) =>
    `${row.app} in ${at(row)} is what was shipped${commit ? ` from ${commit.slice(0, 7)}` : ''}`,
  live: (row: Copy) => `${row.app} is live in ${at(row)}`,
  failed: (row: Copy, reason: string) => `${row.app} in ${at(row)} failed: ${reason}`,
  slept: (row: Copy, minutes: number) =>
    `${row.app} in ${at(row)} sleeps: nobody asked for ${minutes} minutes`,
  woke: (row: Copy) => `${row.app} in ${at(row)} wakes: somebody asked for it`,
  stopped: (apps: readonly string[], space: string, by: string) =>
    `${by} stopped ${listed(apps)} in ${space}`,
  started: (apps: readonly string[], space: string, by: string) =>
    `${by} started ${listed(apps)} in ${space} again`,
  attended: (apps: readonly string[], space: string, by: string) => `${by} is at ${listed(apps)} in ${space}`,
  extended: (space: string, until: Date) => `${space} lasts until ${until.toISOString().slice(0, 16)}Z`,
  expired: (space: string) => `${space} has expired and is removed`,
  branchGone: (space: string, branch: string) => `${space} is removed: its branch ${branch} is gone`,
  removing: (space: string, by: string) => `${by} removed the space ${space}`,
  appsRemoved: (apps: readonly string[], space: string, by: string) =>
    `${by} removed ${listed(apps)} from ${space}`,
  fills: (dump: string) => `fills its database from ${dump}`,
  removed: (space: string) => `The space ${space} is gone`,
  appGone: (app: string, space: string) => `${app} in ${space} is removed with the app`,
  restarted: (processes: readonly string[], row: Copy) =>
    `Restarted ${listed(processes)} of ${row.app} in ${at(row)}`,
  scaled: (row: Copy, told: Record<string, { before: number; after: number }>, reason: string | null) => {
    const words = Object.entries(told).map(([name, { before, after }]) => `${name} ${before} → ${after}`)
    return `Scaled ${row.app} in ${at(row)}: ${words.join(', ')}${reason ? ` (${reason})` : ''}`
  },
  invited: (space: string, whom: string, until: Date) =>
    `Whoever has the link for ${whom} enters ${space} until ${until.toISOString().slice(0, 16)}Z`,
  uninvited: (space: string, whom: string) => `The link for ${whom} into ${space} has ended`,
  swapped: (row: Copy, by: string, until: Date) =>
    `${by} took all traffic for ${row.app} in ${row.environment} to ${row.space} until ${until.toISOString().slice(0, 16)}Z`,
  unswapped: (row: Copy, by: string) => `${by} gave the traffic for ${row.app} back to ${row.environment}`,
  swapEnded: (row: Copy, by: string) =>
    `The traffic for ${row.app} went back to ${row.environment}: ${by} is no longer at it`,
  configured: (description: string, row: OfApp) => `${description} of ${row.app} in ${row.space} alone`,
  reconfigured: (row: Copy) =>
    `${row.app} in ${at(row)} starts again: the config of ${row.environment} changed`,
  webhookTold: (space: string, host: string) => `Told ${host} that ${space} is live`,
  webhookFailed: (space: string, host: string, reason: string) =>
    `${host} was not told that ${space} is live: ${reason}`,
}

export const refusals = {
  unknown: (name: string, near: string | null) =>
    new TowError('NOT_FOUND', `there is no space "${name}"`, {
      hint: near ? `did you mean ${near}?` : 'tow spaces',
    }),
  noApp: (space: string, app: string, apps: readonly string[]) =>
    new TowError('NOT_FOUND', `${space} has no copy of ${app}`, {
      hint: apps.length > 0 ? `it has ${listed(apps)}` : `tow ship --space ${space} -a ${app}`,
    }),
  nothingThere: (space: string) =>
    new TowError('NOT_FOUND', `there is nothing in ${space} yet`, { hint: `tow ship --space ${space}` }),
  elsewhere: (space: string, environment: string, wanted: string) =>
    new TowError('REFUSED', `${space} is a space over ${environment}, not over ${wanted}`, {
      hint: 'choose another name, or leave -e away',
    }),
  leaving: (space: string) =>
    new TowError('CONFLICT', `${space} is being removed`, { hint: 'tow spaces shows when it is gone' }),
  noSpaces: (environment: string) =>
    new TowError('UNSUPPORTED', `the engine of ${environment} can hold no spaces`, { hint: `tow doctor` }),
  quota: (owner: string, what: 'spaces' | 'apps' | 'databases', most: number, mend: string) =>
    new TowError(
      'REFUSED',
      what === 'spaces'
        ? `${owner} has ${most} spaces, and that is the most`
        : `${owner} would have more than ${most} ${what} in spaces`,
      { hint: mend },
    ),
  notFull: (space: string) =>
    new TowError('REFUSED', `${space} is there as an overlay, and can’t become a full space`, {
      hint: `choose another name, or tow spaces remove ${space} first`,
    }),
  noPlace: ({ message, hint }: { message: string; hint?: string | undefined }) =>
    new TowError('REFUSED', message, hint === undefined ? {} : { hint }),
  nothingBelow: (app: string, environment: string) => ({
    message: `no release of ${app} is live in ${environment}, so there is nothing to copy`,
    hint: `tow ship -a ${app} -e ${environment}`,
  }),
  databaseByHand: (app: string, space: string) => ({
    message: `${app} is given its DATABASE_URL by config rather than by \`needs: [postgres]\`, so the copy would use the environment’s database`,
    hint: `tow config set --secret DATABASE_URL=... -a ${app} --space ${space} names another`,
  }),
  noSuchDump: (name: string) => ({
    message: `there is no dump "${name}" that is ready`,
    hint: 'tow dumps',
  }),
  dumpOfOther: (name: string, app: string, apps: readonly string[]) => ({
    message: `the dump ${name} is of ${app}, and of ${listed(apps)} none is that`,
    hint: `leave ${name} away, or add --apps ${app}`,
  }),
  dumpUnwanted: (name: string, app: string) => ({
    message: `${app} does not need postgres, so there is no database to fill from ${name}`,
    hint: `leave ${name} away`,
  }),
  databaseThere: (name: string, app: string, space: string) => ({
    message: `${app} in ${space} has a database already, which ${name} would replace`,
    hint: `tow spaces remove ${space} ${app} drops it; then add it again`,
  }),
  webWorks: (app: string, processes: readonly string[]) => ({
    message: `nothing of ${app} would run in a space: ${listed(processes)} ${processes.length === 1 ? 'runs' : 'run'} in the environment already`,
    hint: processes.map((name) => `--with ${name}`).join(' '),
  }),
  noSuchProcess: (app: string, name: string, known: readonly string[]) => ({
    message: `${app} has no process ${name}; it has ${listed(known)}`,
    hint: `leave --with ${name} away`,
  }),
  notScalable: (app: string, name: string, known: readonly string[]) =>
    new TowError('NOT_FOUND', `${app} has no process ${name}`, { hint: `it has ${listed(known)}` }),
  missing: (app: string, space: string, key: string, description: string | undefined, secret: boolean) => ({
    message: `${app} requires ${key}${description ? ` (${description})` : ''}, and it is set neither below ${space} nor in it`,
    hint: `tow config set ${key}=...${secret ? ' --secret' : ''} -a ${app} --space ${space}`,
  }),
  reserved: (key: string, reason: string) => new TowError('REFUSED', `${key} can't be set: ${reason}`),
  notSet: (key: string, row: OfApp) =>
    new TowError('NOT_FOUND', `${key} of ${row.app} is not set in ${row.space}`, {
      hint: `tow config -a ${row.app} --space ${row.space}`,
    }),
  zeroByte: (key: string) =>
    new TowError(
      'BAD_INPUT',
      `the value of ${key} holds a zero byte, which no environment variable can carry`,
    ),
  staysSecret: (key: string, environment: string) =>
    new TowError('REFUSED', `${key} is a secret in ${environment}, so it is one here`),
  nothingAsked: () =>
    new TowError('BAD_INPUT', 'no key to set or to unset was given', {
      hint: 'tow config set KEY=value --space …',
    }),
  artifactGone: ({ app, space, artifact }: OfApp & { artifact: string }) =>
    new TowError('NOT_FOUND', `the artifact ${artifact.slice(0, 12)} of ${app} in ${space} is gone`, {
      hint: `tow ship --space ${space} -a ${app}`,
    }),
  swappedBy: (app: string, environment: string, by: string, space: string, until: Date) =>
    new TowError(
      'CONFLICT',
      `${by} has the traffic for ${app} in ${environment} in ${space}, until ${until.toISOString()}`,
      { hint: `tow spaces unswap ${app} -e ${environment} gives it back` },
    ),
  notSwapped: (app: string, environment: string) =>
    new TowError('NOT_FOUND', `the traffic for ${app} in ${environment} is its own`, { hint: 'tow spaces' }),
  notRunning: (app: string, space: string) =>
    new TowError('REFUSED', `${app} does not run in ${space}`, { hint: `tow spaces start ${space} ${app}` }),
  noInvitation: (space: string, id: string) =>
    new TowError('NOT_FOUND', `${space} has no invitation "${id}"`, {
      hint: `tow spaces invitations ${space}`,
    }),
  webhookPlain: () =>
    new TowError('REFUSED', 'what is told to the webhook would travel unencrypted', { hint: 'use https://' }),
  tooManyInvitations: (space: string, most: number) =>
    new TowError('REFUSED', `${space} has ${most} invitations, and that is the most`, {
      hint: `tow spaces uninvite ${space} <id>`,
    }),
  inUse: (environment: string, spaces: readonly string[]) =>
    new TowError(
      'REFUSED',
      `${environment} can’t be removed: ${listed(spaces)} ${spaces.length === 1 ? 'lies' : 'lie'} over it`,
      { hint: spaces.map((name) => `tow spaces remove ${name}`).join('; ') },
    ),
}
