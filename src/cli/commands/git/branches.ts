import { APP_OPTION, type Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns, shortCommit } from '../../terminal/text.ts'

export const command: Command = {
  options: [{ ...APP_OPTION, description: 'only those of repositories that declare this app' }],
  examples: [['tow git branches -a missions', 'what was pushed, whether it was shipped or not']],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const branches = await client.git.branches(typeof options.app === 'string' ? { app: options.app } : {})
    if (json) return void printJson(terminal, branches)
    if (branches.length === 0) return void terminal.say('Nothing was pushed yet. git push tow <branch>')
    const rows = branches.map(({ repository, branch, commit, committedAt, author, subject }) => [
      ...[branch, repository, shortCommit(commit), age(committedAt), author, subject],
    ])
    return void terminal.print(columns([['BRANCH', 'REPOSITORY', 'COMMIT', 'AGE', 'BY', 'SUBJECT'], ...rows]))
  },
}
