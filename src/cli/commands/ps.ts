import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { chooseCopy, flagsOf, placeOf, versionOf } from '../environment.ts'
import { printJson } from '../terminal/terminal.ts'
import { age, bytes, columns } from '../terminal/text.ts'

export const command: Command = {
  options: [APP_OPTION, ENVIRONMENT_OPTION, SPACE_OPTION],
  examples: [
    [
      'tow ps -a missions -e prod',
      'processes with state, CPU, memory, age and restarts; crons with their last run',
    ],
    ['tow ps --space mine', 'of the copy in the space mine'],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    const { app, environment } = copy
    const list = await client.processes.list(copy)
    if (json) return void printJson(terminal, list)
    if (list.observedAt === null)
      terminal.say(`The engine of ${environment} does not answer: what runs now is not known.`)
    const rows = list.processes.map((process) => [
      process.id,
      versionOf(copy, process.release),
      terminal.paint(
        process.state === 'healthy' ? 'green' : process.state === 'crashed' ? 'red' : 'yellow',
        process.state,
      ),
      process.cpuPercent === null ? '-' : `${process.cpuPercent.toFixed(process.cpuPercent < 10 ? 1 : 0)} %`,
      bytes(process.memoryBytes),
      age(process.startedAt),
      String(process.restarts),
      process.lastExit ?? '',
    ])
    if (rows.length > 0)
      terminal.print(
        columns([['PROCESS', 'RELEASE', 'STATE', 'CPU', 'MEMORY', 'AGE', 'RESTARTS', 'LAST EXIT'], ...rows]),
      )
    else if (list.observedAt !== null) terminal.say(`Nothing of ${app} runs in ${placeOf(copy)}.`)
    const crons = list.crons.map(({ name, schedule, timezone, nextAt, lastRun }) => [
      name,
      schedule,
      timezone,
      nextAt ?? '-',
      lastRun ?? '-',
    ])
    if (crons.length > 0)
      terminal.print(`\n${columns([['CRON', 'SCHEDULE', 'TIME ZONE', 'NEXT', 'LAST RUN'], ...crons])}`)
    for (const process of list.processes)
      if (process.problem) terminal.say(`${process.id}: ${process.problem}`)
    if (list.maintenance) {
      const words = list.maintenance.message ? ` (${list.maintenance.message})` : ''
      terminal.say(`${app} is closed to the outside${words}; tow maintenance off ${flagsOf(copy)} opens it`)
    }
    for (const { process, count, by, at, reason } of list.overrides) {
      terminal.say(
        `${process}=${count} was set by hand (${by}, ${age(at)} ago${reason ? `: ${reason}` : ''}); tow scale ${process}=source ${flagsOf(copy)} clears it`,
      )
    }
    return undefined
  },
}
