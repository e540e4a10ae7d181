/** Every sentence about images and registries that a person may meet. None holds an address with its query, a token or a header. */
import type { Runtime } from '../api/app-spec.ts'
import { TowError } from '../api/errors.ts'

const login = (registry: string) =>
  `docker login ${registry}, or give ~/.docker/config.json a credential helper for it`

/** A registry wants to know who asks, or lets this one not in. */
export class LoginRefused extends TowError {}

export const refusals = {
  badReference: (text: string, why: string) =>
    new TowError('BAD_INPUT', `“${text}” is not the name of an image: ${why}`, {
      hint: 'write it as registry.example.com/team/app:tag or registry.example.com/team/app@sha256:...',
    }),
  badRepository: (text: string) =>
    new TowError('BAD_INPUT', `“${text}” is not a place in a registry`, {
      hint: 'write it as registry.example.com/team/app, in lower case and without a tag',
    }),
  unreachable: (registry: string, cause: unknown) =>
    new TowError('UNAVAILABLE', `The registry ${registry} does not answer: ${reasonOf(cause)}`, {
      hint: mendOf(innermost(cause)),
      cause,
    }),
  unavailable: (registry: string, status: number, said: string) =>
    new TowError('UNAVAILABLE', `The registry ${registry} failed with ${status}${said}`, {
      hint: 'try again; if it stays so, ask those who run the registry',
    }),
  lostUpload: (registry: string) =>
    new TowError('UNAVAILABLE', `The registry ${registry} lost what was sent to it, again and again`, {
      hint: 'try again; where several servers answer for the registry, they have to share their uploads',
    }),
  loginNeeded: (registry: string, repository: string, hasCredentials: boolean) =>
    new LoginRefused(
      'REFUSED',
      hasCredentials
        ? `The registry ${registry} does not accept the login that is kept for it (asked for ${repository})`
        : `The registry ${registry} asks for a login, and none is kept for it (asked for ${repository})`,
      { hint: login(registry) },
    ),
  forbidden: (registry: string, repository: string, action: string) =>
    new LoginRefused('REFUSED', `The registry ${registry} does not let this login ${action} ${repository}`, {
      hint: `give it the right to ${action} there, or name another repository`,
    }),
  noImage: (reference: string) =>
    new TowError('NOT_FOUND', `There is no image ${reference}`, {
      hint: 'check the name and the tag; a private image that the login may not see looks the same',
    }),
  noRepository: (registry: string, repository: string) =>
    new TowError(
      'NOT_FOUND',
      `The registry ${registry} has no repository ${repository}, and makes none by itself`,
      {
        hint: `create ${repository} there first (on AWS: aws ecr create-repository --repository-name ${repository})`,
      },
    ),
  unexpected: (registry: string, what: string, status: number, said: string) =>
    new TowError('FAILED', `The registry ${registry} answered ${status} to ${what}${said}`),
  otherBytes: (what: string, expected: string, found: string) =>
    new TowError('FAILED', `${what} should be ${expected}, and its bytes are ${found}`, {
      hint: 'nothing was used of it; try again, and if it stays so the registry or a proxy before it changes content',
    }),
  otherLayer: (expected: string, found: string) =>
    new TowError('FAILED', `A layer was packed to ${found}, and its artifact promises ${expected}`, {
      hint: 'ship the source again: the artifact was made by a version of Towpath that packed in another way',
    }),
  tooLarge: (what: string, megabytes: number) =>
    new TowError('FAILED', `${what} is larger than the ${megabytes} MB that are read of it`),
  notAnImage: (reference: string, found: string) =>
    new TowError('REFUSED', `${reference} is no image that can be run, but ${found}`),
  noPlatform: (reference: string, wanted: string, there: string[]) =>
    new TowError(
      'REFUSED',
      `${reference} is not there for ${wanted}, but for ${there.join(', ') || 'nothing'}`,
      {
        hint: `name an image that is built for ${wanted}`,
      },
    ),
  otherPlatform: (has: string, wanted: string) =>
    new TowError('REFUSED', `The artifact holds machine code for ${has}, and the image is for ${wanted}`, {
      hint: `build it on ${wanted} (git push to a platform that runs there, or tow ship from CI), or replace the packages that bring machine code`,
    }),
  otherLibc: (libc: string, base: string, there: string[]) =>
    new TowError(
      'REFUSED',
      `The artifact holds machine code for ${libc}, and its base ${base} has ${there.join(' and ') || 'no C library'}`,
      { hint: `name a base image with ${libc}, or build on a machine with ${there[0] ?? 'musl'}` },
    ),
  noRuntime: (base: string, { name, range }: Runtime) =>
    new TowError('REFUSED', `The artifact needs ${name} ${range}, and its base ${base} has no ${name}`, {
      hint: `name a base image with ${name} ${range}`,
    }),
  otherVersion: (base: string, { name, version, range }: Runtime, there: string) =>
    new TowError(
      'REFUSED',
      `The artifact needs ${name} ${range}, and its base ${base} has ${name} ${there}`,
      {
        hint: `name a base image with ${name} ${version}, or build with ${name} ${there}`,
      },
    ),
  downgrade: (registry: string) =>
    new TowError(
      'REFUSED',
      `The registry ${registry} leads from HTTPS to plain HTTP, and that way is not taken`,
      {
        hint: 'ask those who run it to set its public address to https://',
      },
    ),
  redirects: (registry: string) =>
    new TowError('FAILED', `The registry ${registry} leads in a circle of redirects`),
  badChallenge: (registry: string) =>
    new TowError('FAILED', `The registry ${registry} asks for a login in a way that is not known here`, {
      hint: 'Basic and Bearer are known',
    }),
  noToken: (realm: string, status: number) =>
    new LoginRefused('REFUSED', `The token service ${realm} refused the login with ${status}`, {
      hint: 'log in again',
    }),
  notLent: (name: string, places: readonly string[]) =>
    new TowError(
      'REFUSED',
      `${name} can’t be read without a login, and those of the platform are lent for ${places.join(', ')} alone`,
      {
        hint: 'an administrator lends more: tow env lend <environment> <place>',
      },
    ),
  badConfig: (file: string, cause: unknown) =>
    new TowError('REFUSED', `${file} is not the JSON that registry logins are kept in: ${reasonOf(cause)}`, {
      hint: `mend ${file}, or move it away and log in again`,
    }),
  helperMissing: (helper: string, registry: string, file: string) =>
    new TowError('REFUSED', `${file} keeps the login for ${registry} in ${helper}, which is not installed`, {
      hint: `install ${helper}, or remove it from ${file} and log in again`,
    }),
  helperFailed: (helper: string, registry: string, said: string) =>
    new TowError('REFUSED', `${helper} gave no login for ${registry}: ${said}`, { hint: login(registry) }),
}

/** Node wraps what went wrong: the innermost reason is the one that says something. */
function innermost(cause: unknown): unknown {
  let reason = cause
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause
  return reason instanceof AggregateError ? (reason.errors[0] ?? reason) : reason
}

function reasonOf(cause: unknown): string {
  const reason = innermost(cause)
  if (!(reason instanceof Error)) return String(reason)
  const { code } = reason as NodeJS.ErrnoException
  if (code === NO_TLS) return 'it speaks no TLS'
  // What Node advises after a semicolon is for those who run Node.
  return reason.message.split(';')[0] || code || reason.name
}

const NO_TLS = 'ERR_SSL_WRONG_VERSION_NUMBER'
/** Of OpenSSL: nobody vouches for the certificate, or it is for another name or time. */
const UNTRUSTED = /CERT|UNABLE_TO_(VERIFY|GET_ISSUER)/

/** Whether trying again is of no use: it is the certificate, or there is no TLS. */
export function isAboutTrust(error: unknown): boolean {
  const code = (innermost(error) as NodeJS.ErrnoException).code ?? ''
  return code === NO_TLS || UNTRUSTED.test(code)
}

function mendOf(reason: unknown): string {
  const code = (reason as NodeJS.ErrnoException).code ?? ''
  if (code === NO_TLS) return 'name it as a registry that speaks plain HTTP, or give it a certificate'
  if (UNTRUSTED.test(code))
    return 'start the platform with NODE_EXTRA_CA_CERTS=/path/of/your/ca.pem if the certificate is one of your own'
  return 'check the name, the network, and whether a proxy is needed (NODE_USE_ENV_PROXY=1 and HTTPS_PROXY)'
}
