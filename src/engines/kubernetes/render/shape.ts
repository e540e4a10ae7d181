/**
 * What a rendering depends on but for names that the chart only copies: images by digest and Secrets of config, which are
 * new with every release. Releases of the same shape are rendered once, and their names are put in afterwards. Pure.
 */
import type { KubeObject } from '../cluster/kinds.ts'

export interface Shape {
  values: object
  /** Puts the names in where they belong. */
  fill(objects: readonly KubeObject[]): KubeObject[]
}

interface SetValues {
  image?: unknown
  config?: unknown
}

/** Nothing else may stand in them: they go into JSON as they are. */
const IMAGE = /^[\w.:/-]+@sha256:[0-9a-f]{64}$/
const CONFIG = /^[a-z0-9-]+--config-[0-9a-f]{10}$/

export function shapeOf(values: object): Shape {
  const { sets = {}, split } = values as { sets?: Record<string, SetValues>; split?: object }
  const names: [placeholder: string, name: string][] = []
  const standIn = (placeholder: string, name: string) => {
    names.push([placeholder, name])
    return placeholder
  }
  const shaped = inOrder(sets).map(([id, set], index) => {
    const image =
      typeof set.image === 'string' && IMAGE.test(set.image)
        ? standIn(`image-${index}.shape.invalid/app@sha256:${'0'.repeat(64)}`, set.image)
        : set.image
    const config = Array.isArray(set.config)
      ? set.config.map((name, at) =>
          CONFIG.test(name) ? standIn(`shape-${index}-${at}--config`, name) : name,
        )
      : set.config
    return [id, { ...set, ...(image !== undefined && { image }), ...(config !== undefined && { config }) }]
  })
  return {
    values: {
      ...values,
      sets: Object.fromEntries(shaped),
      ...(split && { split: Object.fromEntries(inOrder(split)) }),
    },
    fill(objects) {
      let text = JSON.stringify(objects)
      for (const [placeholder, name] of names) text = text.replaceAll(placeholder, name)
      return JSON.parse(text) as KubeObject[]
    },
  }
}

/** As the chart goes through them, whoever wrote them down first. */
function inOrder<Value>(map: Record<string, Value> | object): [string, Value][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))
}
