// Grades what inspectors submit, one mission at a time.
import { setTimeout as sleep } from 'node:timers/promises'
import { grade } from './rules.js'
import { openStore } from './store.js'

const IDLE_MILLISECONDS = 300

const store = openStore(process.env.DATABASE_URL)
let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})

console.log('the worker waits for submitted missions')
while (!stopping) {
  try {
    const mission = await store.gradeNext(grade)
    if (mission) console.log(`mission ${mission.id} at ${mission.site}: ${mission.colour} (${mission.score})`)
    else await sleep(IDLE_MILLISECONDS)
  } catch (error) {
    console.error(`grading failed: ${error.message}`)
    await sleep(1000)
  }
}
await store.close()
