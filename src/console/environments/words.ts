import type { Drift } from '../../api/drift.ts'

/** `v1 web: 2 are there, and 3 more`. */
export function driftInWords({ differences }: Drift): string {
  const more = differences.length - 1
  return `${differences[0]?.message}${more > 0 ? `, and ${more} more` : ''}`
}
