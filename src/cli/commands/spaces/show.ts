import type { Command } from '../../command.ts'
import { commitOf, left, linksOf, printLinks, sayOff, stateOf } from '../../spaces.ts'
import { sayFailure } from '../../terminal/failure.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '<space>', description: 'its name' }],
  examples: [['tow spaces show mine', 'what is in it and how it fares; its links, where it is yours']],
  async run({ terminal, json, connect }, [name]) {
    const client = await connect()
    const space = await client.spaces.get({ space: name! })
    if (json) return void printJson(terminal, space)
    const banner = space.banner ? '' : ', pages without a banner'
    const branch = space.branch ? `, until the branch ${space.branch} is gone` : ''
    terminal.say(
      `${space.name}, a ${space.full ? 'full ' : ''}space of ${space.owner} over ${space.environment}, ${
        space.removing ? 'being removed' : `expires in ${left(space.expiresAt)}`
      }${banner}${branch}`,
    )
    if (space.place) terminal.say(`In ${space.place}`)
    if (space.apps.length === 0) return void terminal.say(`Nothing is in it. tow ship --space ${space.name}`)
    const rows = space.apps.map((app) => [
      ...[app.app, app.set, stateOf(terminal, app), commitOf(app), app.by, age(app.since)],
      ...[running(app.processes), app.lastAskedAt ? `${age(app.lastAskedAt)} ago` : 'never'],
    ])
    terminal.print(columns([['APP', 'SET', 'STATE', 'COMMIT', 'BY', 'SINCE', 'RUNS', 'LAST ASKED'], ...rows]))
    for (const { app, state, message, hint, lastLines } of space.apps) {
      if (state === 'failed')
        sayFailure(terminal, { message: `${app}: ${message}`, hint: hint ?? undefined, lastLines })
    }
    sayOff(terminal, space)
    printLinks(terminal, await linksOf(client, space.name))
    return 0
  },
}

/** `web 1/1, worker 0/1`. */
function running(processes: Record<string, { wanted: number; healthy: number | null }>): string {
  const words = Object.entries(processes)
    .filter(([, { wanted }]) => wanted > 0)
    .map(([name, { wanted, healthy }]) => `${name} ${healthy ?? '?'}/${wanted}`)
  return words.join(', ') || 'nothing'
}
