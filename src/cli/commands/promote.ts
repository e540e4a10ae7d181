import { TowError } from '../../api/errors.ts'
import type { Command } from '../command.ts'
import { differenceRows } from '../differences.ts'
import { followRollouts } from '../follow.ts'
import { chooseApp } from '../places.ts'
import { sayFailure } from '../terminal/failure.ts'
import { printJson } from '../terminal/terminal.ts'
import { columns, shortCommit } from '../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '[apps...]', description: 'default: the app shipped from this folder' }],
  options: [
    { flags: '--to <environment>', description: 'default: the second of the pipeline' },
    { flags: '--all', description: 'every app that the environment before it serves' },
    { flags: '--plan', description: 'only tell what would change' },
    { flags: '--detach', description: 'do not wait for the rollouts' },
  ],
  examples: [
    ['tow promote missions', 'the artifact that stage serves, to prod'],
    ['tow promote web missions reports --plan', 'what would change, and what stands in the way'],
  ],
  async run({ terminal, json, connect, home, cwd, signal }, names, options) {
    const client = await connect()
    const to = typeof options.to === 'string' ? { to: options.to } : {}
    const apps = options.all
      ? (await client.apps.list({})).map((app) => app.name)
      : names.length > 0
        ? names
        : [await chooseApp(home, cwd, undefined)]
    if (apps.length === 0)
      throw new TowError('NOT_FOUND', 'there is no app to promote yet', { hint: 'tow ship' })
    const plans = await client.pipelines.plan({ apps, ...to })
    if (options.plan && json) return void printJson(terminal, plans)
    for (const plan of plans) {
      const pinned = plan.pinned ? `v${plan.pinned.number}` : 'nothing'
      terminal.say(
        `${plan.app}: ${pinned} of ${plan.from} → ${plan.to}${plan.unchanged ? ' (already there)' : ''}`,
      )
      for (const { number, commit, subject, by } of plan.brings)
        terminal.say(`  brings v${number} ${shortCommit(commit ?? undefined)} ${subject} (${by})`)
      const optional = plan.missingConfig.filter(({ required }) => !required).map(({ key }) => key)
      if (optional.length > 0)
        terminal.say(`  set in ${plan.from}, not in ${plan.to}: ${optional.join(', ')}`)
      if (plan.differences.length > 0) terminal.say(columns(differenceRows(terminal, plan.differences), '  '))
      for (const refusal of plan.refusals) sayFailure(terminal, refusal)
    }
    if (plans.some((plan) => plan.refusals.length > 0)) return 1
    if (options.plan) return 0
    const moving = plans.filter((plan) => !plan.unchanged && plan.pinned)
    if (moving.length === 0) {
      terminal.say('Nothing to promote: everything is there already.')
      return 0
    }
    const promoted = await client.pipelines.promote({
      to: moving[0]!.to,
      apps: moving.map(({ app, from, pinned }) => ({ app, from, release: pinned!.id })),
    })
    if (json) printJson(terminal, promoted)
    const rollouts = promoted.flatMap(({ rollout }) => rollout ?? [])
    const exit = options.detach ? 0 : await followRollouts(client, terminal, rollouts, signal)
    if (exit === 0) {
      for (const { app, release } of promoted) {
        const place = (await client.apps.get({ app })).environments.find(
          (one) => one.environment === release.environment,
        )
        terminal.say(
          `${app} v${release.number} is live in ${release.environment}: ${place?.urls[0] ?? 'no URL'}`,
        )
      }
      terminal.say(
        `Undo: ${promoted.map(({ app, release }) => `tow rollback -a ${app} -e ${release.environment}`).join(' && ')}`,
      )
    }
    return exit
  },
}
