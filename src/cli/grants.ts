/** Roles and ages as they are typed and shown. */
import { TowError } from '../api/errors.ts'
import { nearest } from '../api/nearest.ts'
import { type Grant, ROLES } from '../api/roles.ts'
import type { Option, Options } from './command.ts'

export const ROLE_OPTIONS: Option[] = [
  { flags: '--role <role>', description: `${ROLES.join(', ')}; may be given several times`, many: true },
  {
    flags: '-e, --env <name>',
    description: 'where the role is held (default: everywhere); may be given several times',
    many: true,
  },
]

/** `developer in stage, viewer`. */
export function describeGrants(grants: readonly Grant[]): string {
  const words = grants.map(({ role, environment }) =>
    environment === null ? role : `${role} in ${environment}`,
  )
  return words.join(', ') || 'no role'
}

/** Each `--role` in each `--env`. */
export function grantsOf({ role, env }: Options): Grant[] {
  const named = textsOf(env)
  const environments = named.length === 0 ? [null] : named
  return textsOf(role).flatMap((text) => {
    const known = ROLES.find((one) => one === text)
    if (!known) throw unknownRole(text)
    return environments.map((environment) => ({ role: known, environment }))
  })
}

/** The flags that would be typed for these; one line, where all are in the same places. */
export function flagsOf(grants: readonly Grant[]): string[] {
  const byRole = Map.groupBy(grants, ({ role }) => role)
  return [...byRole].map(([role, held]) => {
    const places = held.flatMap(({ environment }) => (environment === null ? [] : [` -e ${environment}`]))
    return `--role ${role}${held.some(({ environment }) => environment === null) ? '' : places.join('')}`
  })
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** `30d`, `12h` as hours. */
export function hoursOf(text: unknown): number | undefined {
  if (text === undefined) return undefined
  const match = /^([1-9]\d{0,4})([dh])$/.exec(String(text))
  if (match) return Number(match[1]) * (match[2] === 'd' ? 24 : 1)
  throw new TowError('USAGE', `--expires takes days or hours such as 30d or 12h, not "${text}"`)
}

function unknownRole(text: string): TowError {
  const close = nearest(text, [...ROLES])
  return new TowError('USAGE', `there is no role "${text}"; there are ${ROLES.join(', ')}`, {
    hint: close ? `did you mean ${close}?` : undefined,
  })
}
