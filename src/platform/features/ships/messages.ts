/** Every sentence of deliveries that a person may meet. */
import type { Origin } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { Problem } from '../manifests/index.ts'

export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

export const messages = {
  cancelled: (by: string) => ({ message: `the delivery was cancelled by ${by}`, lastLines: [] as string[] }),
  overtaken: (app: string, by: string) => ({
    message: `a newer delivery (${by}) has released ${app} in the meantime`,
    hint: `tow releases -a ${app}`,
    lastLines: [] as string[],
  }),
  /** One line for the release: `Ship 3fa9c1e "Fix the map"`. */
  description({ commit, dirty, subject }: Origin, tree: string): string {
    if (!commit) return `Ship ${tree.slice(0, 7)}`
    const words = subject ? ` "${subject.length > 80 ? `${subject.slice(0, 79)}…` : subject}"` : ''
    return `Ship ${commit.slice(0, 7)}${dirty ? ' with changes' : ''}${words}`
  },
  imageDescription: (reference: string) => `Ship the image ${reference.replace(/(@sha256:.{12}).*/, '$1')}`,
  /** Where a delivery goes: `stage`, or `pr-123 over stage`. */
  place: (environment: string, space: string | undefined) =>
    space === undefined ? environment : `${space} over ${environment}`,
  started: (apps: readonly string[], environment: string) => `Shipping ${listed(apps)} to ${environment}`,
  live: (apps: readonly string[], environment: string) =>
    `${listed(apps)} ${apps.length === 1 ? 'is' : 'are'} live in ${environment}`,
  failed(failed: readonly string[], live: readonly string[], environment: string): string {
    const rest = live.length > 0 ? `${messages.live(live, environment)} already` : 'nothing was released'
    return `Shipping to ${environment} failed for ${listed(failed)}; ${rest}`
  },
  stopped(live: readonly string[], environment: string): string {
    const rest = live.length > 0 ? `${messages.live(live, environment)} already` : 'nothing was released'
    return `Shipping to ${environment} was cancelled; ${rest}`
  },
}

export const refusals = {
  unknownShip: (id: string) => new TowError('NOT_FOUND', `there is no delivery ${id}`),
  over: (id: string, state: string) =>
    new TowError(
      'CONFLICT',
      `the delivery ${id} is over: ${state === 'live' ? 'it is live' : `it ${state === 'failed' ? 'failed' : 'was cancelled'}`}`,
    ),
  unknownApp: (name: string, known: readonly string[], meant: string | null) =>
    new TowError('BAD_INPUT', `the source declares no app ${name}; it declares ${listed(known)}`, {
      hint: meant ? `did you mean ${meant}?` : `name one of ${listed(known)}, or add ${name} to tow.yaml`,
    }),
  whoseImage: (names: readonly string[]) =>
    new TowError('BAD_INPUT', `an image is of one app, and the source declares ${listed(names)}`, {
      hint: `tow ship --image ... -a ${names[0]}`,
    }),
  problems: (problems: readonly Problem[]) =>
    new TowError('BAD_INPUT', problems.map(sentence).join('\n'), {
      hint: problems.map((problem) => problem.hint).find((hint) => hint !== undefined),
    }),
  noEnvironment: () =>
    new TowError('REFUSED', 'there is no environment to ship to', { hint: 'tow env add stage' }),
  reasons(reasons: readonly { message: string; hint?: string | undefined }[]): TowError {
    const hints = [...new Set(reasons.flatMap((reason) => reason.hint ?? []))]
    return new TowError('REFUSED', reasons.map((reason) => reason.message).join('\n'), {
      hint: hints.length > 0 ? hints.join('\n') : undefined,
    })
  },
  badPosition: (id: string) =>
    new TowError(
      'BAD_INPUT',
      `Last-Event-ID ${JSON.stringify(id.slice(0, 80))} is no position in a delivery`,
    ),
}

function sentence({ file, line, column, message }: Problem): string {
  const place =
    line === undefined ? file : column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`
  return `${place}: ${message}`
}
