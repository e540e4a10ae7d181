/** What was asked for, as text for people, and what of it is not so. Values of config are never shown. Pure. */
import type { Difference, Observation, Overlay, SplitRule } from '../engine.ts'

interface Redacted {
  generation: number
  desired: {
    sets: {
      id: string
      release: number
      artifact: string
      env: Record<string, string>
      processes: Record<string, { command: string; count: number }>
    }[]
    split: SplitRule[]
    crons: { name: string; schedule: string; timezone: string; command: string }[]
    domains?: string[] | undefined
    overlay?: Overlay | undefined
  }
}

export function describeDesired({ generation, desired }: Redacted): string {
  const lines = [`generation ${generation}`]
  for (const set of desired.sets) {
    lines.push(`set ${set.id}, artifact ${set.artifact.slice(0, 12)}`)
    for (const [name, { command, count }] of Object.entries(set.processes))
      lines.push(`  ${name}=${count}  ${command}`)
    lines.push(`  config ${Object.keys(set.env).sort().join(' ') || '(none)'} (values hidden)`)
  }
  for (const rule of desired.split) lines.push(`split ${describeRule(rule)}`)
  for (const host of desired.domains ?? []) lines.push(`domain ${host}`)
  if (desired.overlay) lines.push(`space ${describeOverlay(desired.overlay)}`)
  for (const cron of desired.crons)
    lines.push(`cron ${cron.name}  ${cron.schedule} ${cron.timezone}  ${cron.command}`)
  return `${lines.join('\n')}\n`
}

function describeOverlay({ door, swap }: Overlay): string {
  const whole = swap ? [`the whole traffic until ${new Date(swap.until).toISOString()}`] : []
  return [door ? 'by invitation' : 'open to everybody', ...whole].join(', ')
}

function describeRule(rule: SplitRule): string {
  const weights = Object.entries(rule.weights).map(([set, weight]) => `${set}=${weight}`)
  return [
    rule.match ? `space ${rule.match.space}:` : 'all:',
    ...(weights.length > 0 ? weights : ['nobody']),
  ].join(' ')
}

/** One sentence for each thing that is not as asked. */
export function findDrift({ desired }: Redacted, observed: Observation): Difference[] {
  const found: string[] = []
  for (const set of desired.sets) {
    const seen = observed.sets.find((one) => one.id === set.id)?.processes ?? []
    for (const [name, { count }] of Object.entries(set.processes)) {
      // How they fare is no drift: what crashed is started again by itself, and told of as unhealthy.
      const there = seen.filter((one) => one.process === name && one.state !== 'stopping').length
      if (there !== count) found.push(`${set.id} ${name}: ${there} are there, asked for are ${count}`)
    }
  }
  for (const set of observed.sets) {
    const known = desired.sets.some((one) => one.id === set.id)
    if (!known && set.processes.length > 0) found.push(`${set.id}: still runs, and is not asked for`)
  }
  if (JSON.stringify(desired.split) !== JSON.stringify(observed.split)) {
    found.push(`split: ${observed.split.map(describeRule).join('; ') || 'nobody is served'}`)
  }
  const whole = (observed.problems ?? []).map((problem) => problem.message)
  return [...found, ...whole].map((message) => ({ message }))
}
