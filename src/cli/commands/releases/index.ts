import type { Command } from '../../command.ts'
import { APP_OPTION, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { releaseNumber, wholeNumber } from '../../help.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns, shortCommit } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '[version]', description: 'one release, whole' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    { flags: '-n, --lines <count>', description: 'how many', default: '20' },
  ],
  examples: [
    ['tow releases', 'the newest releases of this folder’s app in stage'],
    ['tow releases v12 -a missions -e prod', 'the whole of one: artifact, commands, config, origin'],
    ['tow releases diff v11 v12', 'what changed between two'],
  ],
  async run({ terminal, json, connect, home, cwd }, [version], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    if (version !== undefined) {
      const release = await client.releases.get({ app, environment, number: releaseNumber(version) })
      if (json) return void printJson(terminal, release)
      const facts: [string, string][] = [
        ['Release', `v${release.number} of ${app} in ${environment} (${release.id})`],
        ['State', release.state],
        ['What', release.description],
        ['By', `${release.by}, ${age(release.createdAt)} ago`],
        [
          'Commit',
          `${shortCommit(release.origin.commit)}${release.origin.dirty ? ' with uncommitted changes' : ''} ${release.origin.subject ?? ''}`,
        ],
        ['Artifact', release.artifact.slice(0, 12)],
        release.content.image
          ? ['Image', release.content.image.reference]
          : ['Runtime', `${release.content.runtime.name} ${release.content.runtime.range}`],
      ]
      if (release.from) facts.push(['From', `v${release.from.number} in ${release.from.environment}`])
      if (release.run.releaseCommand) facts.push(['Before', release.run.releaseCommand])
      for (const [name, process] of Object.entries(release.run.processes))
        facts.push([`Process ${name}`, process.command])
      for (const [name, cron] of Object.entries(release.run.crons))
        facts.push([`Cron ${name}`, `${cron.schedule} ${cron.timezone}  ${cron.command}`])
      if (release.run.needs.length > 0) facts.push(['Needs', release.run.needs.join(', ')])
      for (const [key, entry] of Object.entries(release.config))
        facts.push([`Config ${key}`, 'value' in entry ? entry.value : `secret, version ${entry.secret}`])
      for (const key of release.injected) facts.push([`Config ${key}`, 'given by the platform'])
      return void terminal.print(columns(facts))
    }
    const releases = await client.releases.list({
      app,
      environment,
      limit: wholeNumber(String(options.lines), '--lines'),
    })
    if (json) return void printJson(terminal, releases)
    const rows = releases.map((release) => [
      `v${release.number}`,
      release.state === 'live' ? terminal.paint('green', 'live') : release.state,
      release.description,
      release.by,
      age(release.createdAt),
    ])
    return void terminal.print(columns([['RELEASE', 'STATE', 'WHAT', 'BY', 'AGE'], ...rows]))
  },
}
