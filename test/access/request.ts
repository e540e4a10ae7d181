/** The request of an operation for one thing, as HTTP has it: what is not in its address is its body, or its query. */
import type { operationsOf } from '../../src/platform/kernel/http/table.ts'
import { SAMPLES, type Thing } from './samples.ts'

export type Operation = ReturnType<typeof operationsOf>[number]

export function requestOf(entry: Operation, thing: Thing): { path: string; input: object } {
  const input = SAMPLES[entry.name]!(thing)
  const inPath = new Set([...entry.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!))
  const path = entry.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(input[name])))
  const rest = Object.fromEntries(Object.entries(input).filter(([name]) => !inPath.has(name)))
  if (entry.method !== 'GET') return { path: `/api${path}`, input: rest }
  const query = new URLSearchParams(
    Object.entries(rest).flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.map((one, index) => [`${name}[${index}]`, String(one)])
        : [[name, String(value)]],
    ),
  )
  return { path: `/api${path}?${query}`, input: {} }
}
