/** Every sentence in which a tree, a blob or a transfer is refused: one place, one tone, each names what it is about. */
import { TowError } from '../api/errors.ts'

/** Shows a name that may hold anything, so that a terminal is never confused by it. */
const shown = (path: string) =>
  `“${path.replace(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)}”`

const IGNORE_HINT = 'Name it in .towignore, or take it out of the folder.'

export const refusals = {
  badPath: (path: string, why: string) =>
    new TowError('REFUSED', `The file name ${shown(path)} cannot be shipped: ${why}.`, { hint: IGNORE_HINT }),
  notNormalised: (path: string) =>
    new TowError(
      'REFUSED',
      `The file name ${shown(path)} is written in decomposed Unicode, which other systems change silently.`,
      {
        hint: `Rename it: mv '${path}' '${path.normalize('NFC')}'`,
      },
    ),
  sameName: (...names: [string, string]) => {
    const [first, second] = names.sort().map(shown)
    return new TowError(
      'REFUSED',
      `${first} and ${second} differ only in case or in Unicode form: on many systems they are one file.`,
      { hint: 'Rename one of them.' },
    )
  },
  fileAndFolder: (path: string) => new TowError('REFUSED', `${shown(path)} is both a file and a folder.`),
  twice: (path: string) => new TowError('REFUSED', `${shown(path)} is listed twice.`),
  fileTooLarge: (path: string, size: number, limit: number) =>
    new TowError('TOO_LARGE', `${shown(path)} has ${bytes(size)}; a file may have at most ${bytes(limit)}.`, {
      hint: IGNORE_HINT,
    }),
  treeTooLarge: (size: number, limit: number, largest: string) =>
    new TowError(
      'TOO_LARGE',
      `The files have ${bytes(size)} together, at most ${bytes(limit)} are allowed; the largest is ${shown(largest)}.`,
      {
        hint: IGNORE_HINT,
      },
    ),
  tooManyFiles: (root: string, limit: number) =>
    new TowError('TOO_LARGE', `${shown(root)} holds more than ${limit} files.`, { hint: IGNORE_HINT }),
  linkLeaves: (path: string, target: string) =>
    new TowError(
      'REFUSED',
      `The link ${shown(path)} points to ${shown(target)}, outside of the folder that is shipped.`,
      {
        hint: 'Point it inside, name it in .towignore, or widen `context` in tow.yaml so that its target belongs to the app.',
      },
    ),
  badDigest: (digest: string) =>
    new TowError('BAD_INPUT', `${shown(digest.slice(0, 80))} is not a SHA-256 digest in lower-case hex.`),
  badSize: (path: string) =>
    new TowError('BAD_INPUT', `The size of ${shown(path)} is not a whole number of bytes.`),
  badTree: (name: string) =>
    new TowError('BAD_INPUT', `${name} is not a tree: its text is damaged or of an unknown version.`),
  otherTree: (expected: string, actual: string) =>
    new TowError(
      'CONFLICT',
      `The tree hashes to ${actual.slice(0, 12)}, not to ${expected.slice(0, 12)} as announced.`,
    ),
  otherBase: (expected: string, actual: string) =>
    new TowError(
      'CONFLICT',
      `The change was made for the tree ${expected.slice(0, 12)}, not for ${actual.slice(0, 12)}.`,
    ),
  keepsChanging: (path: string) =>
    new TowError('CONFLICT', `${shown(path)} keeps changing while it is read.`, {
      hint: 'Stop what writes it, or name it in .towignore, and try again.',
    }),
  changedSince: (path: string) =>
    new TowError('CONFLICT', `${shown(path)} was changed while it was being shipped.`, {
      hint: 'Run the command again.',
    }),
  unreadable: (path: string, cause: unknown) =>
    new TowError('REFUSED', `${shown(path)} cannot be read: ${reason(cause)}.`, { hint: IGNORE_HINT, cause }),
  noFolder: (path: string) => new TowError('NOT_FOUND', `There is no folder ${shown(path)}.`),
  git: (folder: string, stderr: string) =>
    new TowError(
      'FAILED',
      `Git cannot read ${shown(folder)}: ${stderr.trim().split('\n')[0] || 'it ended without a word'}`,
      {
        hint: /safe\.directory '?([^'\n]+)'?/.exec(stderr)?.[0].replace(/^/, 'git config --global --add '),
      },
    ),
  noGit: () =>
    new TowError('UNAVAILABLE', 'The program `git` is not installed here.', {
      hint: 'Install Git and try again.',
    }),
  noCommit: (commit: string, repository: string) =>
    new TowError('NOT_FOUND', `There is no commit ${shown(commit)} in ${shown(repository)}.`),
  noCommitFolder: (path: string, commit: string) =>
    new TowError('NOT_FOUND', `There is no folder ${shown(path)} in the commit ${commit.slice(0, 12)}.`),
  noBlob: (digest: string) =>
    new TowError('NOT_FOUND', `The blob ${digest.slice(0, 12)} is not in the store.`),
  otherContent: (expected: string, actual: string) =>
    new TowError(
      'BAD_INPUT',
      `Bytes that were announced as ${expected.slice(0, 12)} hash to ${actual.slice(0, 12)}.`,
    ),
  corrupted: (digest: string) =>
    new TowError('FAILED', `The blob ${digest.slice(0, 12)} was damaged on disk and has been set aside.`, {
      hint: 'Ship again: the files that are missing are sent anew.',
    }),
  diskFull: (folder: string, cause: unknown) =>
    new TowError('DISK_FULL', `The disk that holds ${shown(folder)} is full.`, {
      hint: `Free some space and try again: df -h '${folder}'`,
      cause,
    }),
  readOnly: (folder: string, cause: unknown) =>
    new TowError('FAILED', `${shown(folder)} cannot be written: ${reason(cause)}.`, {
      hint: `Make it writable for whoever runs the platform: ls -ld '${folder}'`,
      cause,
    }),
  cutOff: (kept: number) =>
    new TowError(
      'UNAVAILABLE',
      `The transfer ended early; ${kept} whole ${kept === 1 ? 'file was' : 'files were'} kept.`,
      {
        hint: 'Run the command again: it goes on where it stopped.',
      },
    ),
  badTransfer: (why: string, cause?: unknown) =>
    new TowError('BAD_INPUT', `The transfer was refused: ${why}.`, { cause }),
  sameOnDisk: (path: string) =>
    new TowError(
      'REFUSED',
      `${shown(path)} cannot be laid out here: the disk takes its name for that of another file.`,
      {
        hint: 'Rename one of them, or keep the data on a disk that tells upper from lower case.',
      },
    ),
  notEmpty: (folder: string) =>
    new TowError('CONFLICT', `${shown(folder)} is not empty: files are laid out into a new folder only.`),
}

function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'EROFS') return 'the disk is read-only'
  if (code === 'EMFILE' || code === 'ENFILE') return 'too many files are open'
  return cause instanceof Error ? cause.message : String(cause)
}

function bytes(count: number): string {
  if (count >= 1024 ** 3) return `${(count / 1024 ** 3).toFixed(1)} GiB`
  if (count >= 1024 ** 2) return `${(count / 1024 ** 2).toFixed(1)} MiB`
  return `${count} bytes`
}
