/**
 * The second half of letting a request in: the guard has asked whether its sender may do this kind of thing at all;
 * here what the request names is taken out of its input and put before whoever knows what it is and whose.
 */
import type { AnySchema } from '@orpc/contract'
import { TowError } from '../../../api/errors.ts'
import { isScoped, type Objects, type Permission } from '../../../api/operation.ts'
import type { Principal } from './authenticator.ts'
import { describeIssues } from './issues.ts'

/**
 * Throws FORBIDDEN where the principal may not do this to what the input names; NOT_FOUND where an id or an environment
 * in it is not there. Has no effect of its own.
 */
export type Authorize = (
  principal: Principal,
  permission: Permission,
  objects: Objects,
  input: Readonly<Record<string, unknown>>,
) => Promise<void>

/** The texts that stand in the input at a place such as `app` or `apps.*.app`. */
export function textsAt(input: unknown, place: string): string[] {
  let found: unknown[] = [input]
  for (const part of place.split('.')) {
    found = found.flatMap((one) => (part === '*' ? (one as unknown[]) : [field(one, part)]))
  }
  for (const text of found) if (typeof text !== 'string') throw new Error(`there is no text at ${place}`)
  return found as string[]
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** The input as the operation will get it. What is malformed is refused here: nobody can say what it would touch. */
export async function validated(
  schema: AnySchema | undefined,
  input: unknown,
): Promise<Record<string, unknown>> {
  const result = schema ? await schema['~standard'].validate(input) : { value: input }
  if (result.issues) throw new TowError('BAD_INPUT', describeIssues(result.issues, input))
  return (result.value ?? {}) as Record<string, unknown>
}

/**
 * Stops the server from starting where a permission is held in an environment and nobody says in which, or where the
 * input has nothing at the place that is named.
 */
export function checkObjects(
  what: string,
  permission: Permission,
  objects: Objects | null | undefined,
  schema?: AnySchema,
): void {
  if (!isScoped(permission)) {
    if (objects) throw new Error(`${what} names objects, but ${permission} is not held for any`)
    return
  }
  if (!objects) throw new Error(`${what} does not say where its input names what it touches`)
  if (objects === 'none' || schema === undefined) return
  for (const [kind, place] of Object.entries(objects)) {
    const isThere = kind === 'inSpace' ? shapeAt(schema, place) !== undefined : isPlace(schema, place)
    if (!isThere) throw new Error(`${what} has no text in its input at ${place}`)
  }
}

/** As far as zod's objects and arrays tell. */
interface Shaped {
  shape?: Record<string, Shaped>
  element?: Shaped
  /** Of what may be left out. */
  def?: { innerType?: Shaped }
  safeParse?(value: unknown): { success: boolean }
}

function shapeAt(schema: AnySchema, place: string): Shaped | undefined {
  let at: Shaped | undefined = schema as unknown as Shaped
  for (const part of place.split('.')) {
    const inner: Shaped | undefined = at?.shape || at?.element ? at : at?.def?.innerType
    at = part === '*' ? inner?.element : inner?.shape?.[part]
  }
  return at
}

function isPlace(schema: AnySchema, place: string): boolean {
  const at = shapeAt(schema, place)
  // A place that may be empty, or hold something else than a text, would be checked against nothing.
  return [undefined, null, 0, {}, []].every((other) => at?.safeParse?.(other).success === false)
}
