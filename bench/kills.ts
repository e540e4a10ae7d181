/**
 * Kills at random points under load: `node bench/kills.ts [schedules] [seed]`. Prints every schedule, so that one that
 * fails can be played again by its seed: `node bench/kills.ts 1 <seed>`.
 */
import { openKills } from '../test/kills/kills.ts'
import { scheduleOf } from '../test/kills/schedule.ts'
import { seedFrom } from '../test/random.ts'
import { printFigures } from './figures.ts'

const SCHEDULES = Number(process.argv[2] ?? 200)
const seed = seedFrom(process.argv[3], Date.now() % 2 ** 31)
const BAR_MS = 10_000

const took: number[] = []
let failing = 0
let acknowledged = 0
let unanswered = 0
let requests = 0
let served = 0
let servedFailed = 0
let failedElsewhere = 0
const kills = await openKills()
try {
  for (let number = 0; number < SCHEDULES; number += 1) {
    const outcome = await kills.play(scheduleOf(seed + number))
    const { killed, asked, convergedAfter, answered, failed, isServed, wrong } = outcome
    took.push(convergedAfter)
    const known = asked.filter((one) => one.answer).length
    acknowledged += known
    unanswered += asked.length - known
    requests += answered
    if (isServed) served += answered
    if (isServed) servedFailed += failed.length
    else failedElsewhere += failed.length
    if (wrong.length > 0) failing += 1
    console.log(
      `${seed + number}: killed ${killed.join(', ') || 'nobody'}; ${known} of ${asked.length} acknowledged; ` +
        `converged after ${convergedAfter} ms; ${answered} requests, ${failed.length} failed`,
    )
    for (const { label, app, error } of asked) if (error) console.log(`  ${label} of ${app}: ${error}`)
    for (const what of wrong) console.log(`  WRONG: ${what}`)
  }
} finally {
  await kills.end()
}
printFigures(
  `${took.length} schedules from seed ${seed}, ${failing} with something wrong; ${acknowledged} operations ` +
    `acknowledged, ${unanswered} not; ${requests} requests, ${servedFailed} of ${served} failed while router and apps ` +
    `were let live, ${failedElsewhere} while they were killed`,
  [{ what: 'to everything being as asked', unit: 'ms', values: took, bar: `${BAR_MS} ms` }],
)
console.log(`  ${took.filter((one) => one > BAR_MS).length} took longer than ${BAR_MS} ms`)
if (failing > 0) process.exitCode = 1
