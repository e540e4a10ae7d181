/**
 * Who wrote a field last, as the API server keeps it in `metadata.managedFields`: by the field and not by the object, since
 * controllers write to the same object all the time. The format is that of Kubernetes' structured-merge-diff, `fieldsV1`. Pure.
 */
import type { KubeObject } from './cluster/kinds.ts'

/** Names, and places in lists. */
export type Steps = readonly (string | number)[]

/** Name of the program other than `ours`; null where nobody else has the field, as after somebody removed it. */
export function fieldOwner(object: KubeObject, steps: Steps, ours: string): string | null {
  const entries = (object.metadata.managedFields ?? []).filter(
    ({ manager, fieldsV1 }) => manager !== ours && has(fieldsV1, object, steps),
  )
  const last = entries.toSorted((one, other) => ((one.time ?? '') < (other.time ?? '') ? -1 : 1)).at(-1)
  return last?.manager ?? null
}

/** Whoever has a field with nothing below it has all that is in it. */
function has(fields: unknown, value: unknown, [step, ...rest]: Steps): boolean {
  if (!isMap(fields)) return false
  if (step === undefined || Object.keys(fields).length === 0) return true
  const at = (value as Record<string | number, unknown> | null | undefined)?.[step]
  const below = typeof step === 'number' ? itemOf(fields, at) : fields[`f:${step}`]
  return below !== undefined && has(below, at, rest)
}

/** Items of a list are named by what tells them from each other: `k:{"name":"web"}`. */
function itemOf(fields: Record<string, unknown>, item: unknown): unknown {
  const name = Object.keys(fields).find((key) => {
    if (!key.startsWith('k:') || !isMap(item)) return key === `v:${JSON.stringify(item)}`
    const keys = JSON.parse(key.slice(2)) as Record<string, unknown>
    return Object.entries(keys).every(([one, wanted]) => item[one] === wanted)
  })
  return name === undefined ? undefined : fields[name]
}

function isMap(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
