/** Every sentence of pushes that a person may meet. */
import { TowError } from '../../../api/errors.ts'

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
const are = (names: readonly string[]) => (names.length === 1 ? 'is' : 'are')
const short = (commit: string) => commit.slice(0, 7)

export const words = {
  reading: (commit: string, subject: string) => `Reading ${short(commit)} "${subject}"`,
  waiting: 'Another push to main is being shipped; this one waits for it.',
  forced: (commit: string) => `This push replaces ${short(commit)}, which stays in the history of releases.`,
  leftOut: (path: string) => `${path} is a submodule: its files are not shipped.`,
  shipping: (names: readonly string[], environment: string) => `Shipping ${listed(names)} to ${environment}.`,
  joining: (names: readonly string[], environment: string) =>
    `This commit is being shipped already: ${listed(names)} to ${environment}.`,
  unchanged: (names: readonly string[], environment: string) =>
    `${listed(names)} ${are(names)} left alone: the same files are live in ${environment}.`,
  nothing: 'Nothing to ship.',
  live: (environment: string, took: string) => `Live in ${environment} after ${took}.`,
  stored: (branch: string) => [
    `${branch} is stored and was not shipped: only main is.`,
    `To ship it: git push tow ${branch}:main, or tow git ship ${branch} and main stays`,
  ],
  storedTag: (tag: string) => [`The tag ${tag} is stored; only main is shipped.`],
  removed: (ref: string) => [`${ref} is removed; what is live stays.`],
  nothingReleased: 'Nothing was released, and main stays where it was. Mend it and push again.',
  liveAlready: (names: readonly string[]) =>
    `${listed(names)} ${are(names)} live on this commit already. Mend the rest and push again: what is live is not shipped twice.`,
  givenUp: 'The delivery was given up.',
  stopping: 'The platform is stopping, and the delivery goes on when it is back: push again then.',
  hint: (hint: string) => `  ${hint}`,
}

export const refusals = {
  badName: (name: string) =>
    new TowError('NOT_FOUND', `${JSON.stringify(name.slice(0, 80))} can’t be the name of a repository`, {
      hint: 'lower-case letters, digits and hyphens, such as /git/missions.git; tow git remote sets it up',
    }),
  unknown: (name: string) =>
    new TowError('NOT_FOUND', `nothing was pushed to ${name} yet`, { hint: 'git push tow main' }),
  noBranch: (branch: string, repository: string) =>
    new TowError('NOT_FOUND', `${repository} has no branch ${JSON.stringify(branch.slice(0, 80))}`, {
      hint: 'tow git branches lists those that were pushed',
    }),
  unknownService: (service: string) =>
    new TowError('BAD_INPUT', `Git’s service ${JSON.stringify(service.slice(0, 80))} is not known here`, {
      hint: 'use Git 1.6.6 or newer, over smart HTTP',
    }),
  noGit: () =>
    new TowError('UNAVAILABLE', 'the program git is not installed where the platform runs', {
      hint: 'install Git there and push again; tow ship goes without it',
    }),
  noBackend: () =>
    new TowError('UNAVAILABLE', 'the Git where the platform runs comes without git http-backend', {
      hint: 'install the rest of Git there (apk add git-daemon on Alpine); tow ship goes without it',
    }),
  backend: (stderr: string) =>
    new TowError(
      'FAILED',
      `Git can’t serve this: ${stderr.trim().split('\n')[0] || 'it ended without a word'}`,
    ),
  tooMany: (most: number) =>
    new TowError('UNAVAILABLE', `the platform already serves ${most} Git commands`, { hint: 'try again' }),
  noFolders: (folder: string) =>
    new TowError('BAD_INPUT', `${JSON.stringify(folder)} is no folder inside a repository`, {
      hint: 'name it relative to the top, such as services/missions',
    }),
  removeMain: () =>
    new TowError('REFUSED', 'main can’t be removed: what is live came from it', {
      hint: 'tow apps remove takes an app away',
    }),
  moved: (to: string | null) =>
    new TowError(
      'CONFLICT',
      to === null ? 'main was removed meanwhile' : `another push moved main to ${short(to)} meanwhile`,
      { hint: 'git fetch tow, then push again' },
    ),
  largeFiles: (paths: readonly string[]) => {
    const shown = paths.slice(0, 5)
    const rest = paths.length - shown.length
    const names = rest > 0 ? `${shown.join(', ')} and ${rest} more` : listed(shown)
    return new TowError(
      'REFUSED',
      `${names} ${are(paths)} kept in Git LFS: a push brings only ${paths.length === 1 ? 'a pointer' : 'pointers'} to ${paths.length === 1 ? 'it' : 'them'}`,
      {
        hint: [
          'tow ship takes the content from your folder;',
          'or name what the apps can do without in .towignore;',
          `or take it out of LFS: git lfs migrate export --include="${shown[0]}"`,
        ].join('\n'),
      },
    )
  },
}
