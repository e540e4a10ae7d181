/** Every sentence of builds that a person may meet. */
import { TowError } from '../../../api/errors.ts'

const minutes = (milliseconds: number) =>
  milliseconds >= 120_000
    ? `${Math.round(milliseconds / 60_000)} minutes`
    : `${Math.round(milliseconds / 1000)} seconds`

export const refusals = {
  unknownBuild: (id: string) => new TowError('NOT_FOUND', `there is no build ${id}`, { hint: 'tow builds' }),
  unknownArtifact: (digest: string) =>
    new TowError('NOT_FOUND', `there is no artifact ${digest.slice(0, 12)}`, {
      hint: 'artifacts of old releases are thrown away; ship the source again',
    }),
  over: (id: string, state: string) => new TowError('CONFLICT', `the build ${id} is over: it ${state}`),
  notRecognised: (app: string, path: string) =>
    new TowError('REFUSED', `${app}: nothing in ${path === '.' ? 'the folder' : path} says how it is built`, {
      hint: 'add a package.json, requirements.txt, pyproject.toml, go.mod, Gemfile or index.html, or name another path in tow.yaml',
    }),
  unknownBuilder: (app: string, builder: string) =>
    new TowError('REFUSED', `${app} asks for the builder ${builder}, and it recognises nothing here`, {
      hint: `set apps.${app}.build.builder to auto in tow.yaml`,
    }),
  secretsMissing: (app: string, environment: string, names: string[]) =>
    new TowError(
      'REFUSED',
      `the build of ${app} needs ${names.join(', ')}, and ${names.length === 1 ? 'it is' : 'they are'} not set in ${environment}`,
      {
        hint: `tow config set --secret ${names.map((name) => `${name}=...`).join(' ')} -a ${app} -e ${environment}`,
      },
    ),
  secretInResult: (app: string, name: string, path: string) =>
    new TowError(
      'REFUSED',
      `the build of ${app} wrote the value of ${name} into ${path}, and would have shipped it`,
      {
        hint: `keep ${name} out of what the build writes; what the app reads at run time belongs into tow config`,
      },
    ),
  secretInSbom: (app: string, name: string) =>
    new TowError('REFUSED', `the build of ${app} would have written the value of ${name} into its SBOM`),
  tookTooLong: (app: string, milliseconds: number) =>
    new TowError('FAILED', `the build of ${app} took longer than ${minutes(milliseconds)} and was ended`, {
      hint: 'look at what it waits for: tow builds log',
    }),
  cancelled: (app: string, by: string) =>
    new TowError('CANCELLED', `the build of ${app} was cancelled by ${by}`),
  stopped: (app: string) =>
    new TowError('FAILED', `the platform stopped while the build of ${app} ran`, { hint: 'tow ship' }),
  lost: (app: string) =>
    new TowError(
      'FAILED',
      `the build of ${app} was cut off: the platform could not write down how it ended`,
      {
        hint: 'tow ship',
      },
    ),
  fault: (app: string) =>
    new TowError('INTERNAL', `the build of ${app} failed by a fault of the platform itself`, {
      hint: 'the reason is in the platform’s log: tow doctor',
    }),
}
