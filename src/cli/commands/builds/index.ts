import { APP_OPTION, type Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns, duration, shortCommit } from '../../terminal/text.ts'

export const command: Command = {
  options: [APP_OPTION],
  examples: [['tow builds -a missions', 'the newest builds of one app']],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const builds = await client.builds.list(typeof options.app === 'string' ? { app: options.app } : {})
    if (json) return void printJson(terminal, builds)
    const rows = builds.map((build) => [
      build.id,
      build.app,
      build.state === 'failed' ? terminal.paint('red', build.state) : build.reused ? 'reused' : build.state,
      shortCommit(build.origin.commit),
      build.startedAt && build.endedAt
        ? duration(Date.parse(build.endedAt) - Date.parse(build.startedAt))
        : '-',
      age(build.createdAt),
      build.by,
    ])
    return void terminal.print(columns([['BUILD', 'APP', 'STATE', 'COMMIT', 'TOOK', 'AGE', 'BY'], ...rows]))
  },
}
