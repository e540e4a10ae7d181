/** What a person may read about what apps need. */
import { TowError } from '../../../api/errors.ts'

export interface Refusal {
  message: string
  hint?: string | undefined
}

type OfApp = { app: string; environment: string; space?: string | undefined }
const at = ({ app, environment }: OfApp) => `-a ${app} -e ${environment}`

/** `stage`, or `mine over stage`. */
export const placeOf = ({ environment, space }: Pick<OfApp, 'environment' | 'space'>): string =>
  space ? `${space} over ${environment}` : environment

export const refusals = {
  itself: ({ app }: OfApp): Refusal => ({
    message: `${app} needs itself`,
    hint: `take ${app} out of its own \`needs\``,
  }),
  unknown: ({ app }: OfApp, need: string, near: string | null): Refusal => ({
    message: `${app} needs "${need}", and there is no such app`,
    hint: near
      ? `did you mean ${near}?`
      : `ship ${need} first or together with ${app}; besides apps there is only postgres to be needed`,
  }),
  sameKey: ({ app }: OfApp, one: string, other: string, key: string): Refusal => ({
    message: `${app} needs ${one} and ${other}, and both would arrive as ${key}`,
    hint: `rename the app ${one === 'postgres' ? other : one}`,
  }),
  setByHand: (of: OfApp, key: string, need: string): Refusal => ({
    message: `${key} of ${of.app} in ${of.environment} is set by hand, and \`needs: [${need}]\` gives it`,
    hint: `tow config unset ${key} ${at(of)}, or take ${need} out of \`needs\``,
  }),
  noPostgres: (of: OfApp): Refusal => ({
    message: `${of.app} needs postgres, and nothing runs a PostgreSQL for apps in ${of.environment}`,
    hint: `bind the environment with tow env add ... --postgres <url>, or take postgres out of \`needs\` and set one of your own: tow config set --secret DATABASE_URL=... ${at(of)}`,
  }),
  badServer: () =>
    new TowError('BAD_INPUT', 'the address of the PostgreSQL for apps is not one', {
      hint: 'like postgres://user:password@host:5432; who it names may make databases and roles',
    }),
  serverOnLoopback: (host: string) =>
    new TowError('BAD_INPUT', `${host} is this machine alone, and apps reach the PostgreSQL from elsewhere`, {
      hint: 'name it by an address that this machine and the apps both reach',
    }),
  noDatabase: (of: OfApp, near: string | null) =>
    new TowError('NOT_FOUND', `no database is run for ${of.app} in ${placeOf(of)}`, {
      hint: near
        ? `did you mean ${near}?`
        : of.space
          ? `it uses the environment’s; tow spaces add ${of.space} --apps ${of.app} --own-databases gives it one`
          : '`needs: [postgres]` in tow.yaml asks for one; tow needs lists them',
    }),
  stillNeeded: ({ app, environment }: OfApp, database: string) =>
    new TowError('REFUSED', `${app} in ${environment} still uses the database ${database}`, {
      hint: `tow apps remove ${app}, or ship it without postgres in \`needs\`, first`,
    }),
  notConfirmed: (of: OfApp, database: string, said: string) =>
    new TowError(
      'BAD_INPUT',
      `the database of ${of.app} in ${of.environment} is called ${database}, not "${said}"; nothing was dropped`,
      { hint: `tow needs remove ${of.app} -e ${of.environment} --confirm ${database}` },
    ),
  serverAway: ({ environment }: OfApp, cause: unknown) =>
    new TowError(
      'UNAVAILABLE',
      `the PostgreSQL for apps in ${environment} does not do its work: ${(cause as Error).message}`,
      { hint: 'tow doctor', cause },
    ),
  beingDropped: (database: string) =>
    new TowError('UNAVAILABLE', `the database ${database} is being dropped`, {
      hint: 'try again in a moment',
    }),
  dropFailed: (database: string, cause: unknown) =>
    new TowError(
      'UNAVAILABLE',
      `the database ${database} could not be dropped yet: ${(cause as Error).message}`,
      {
        hint: 'it is tried again by itself',
        cause,
      },
    ),
}
