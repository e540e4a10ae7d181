import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { TowError } from '../../../api/errors.ts'
import type { CountedCalls, SpaceLink } from '../../../api/spaces.ts'
import type { Client } from '../../../client/client.ts'
import type { Command, CommandContext } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { visit } from '../../visit.ts'

/** A call without any trace proves nothing once, and in a cluster each of two routers sees half of them. */
const TIMES = 10
/** Routers of a cluster tell every second. */
const LOOK_MS = 1500
const MOST_LOOKS = 8

export const command: Command = {
  arguments: [
    { name: '<space>', description: 'its name' },
    { name: '[apps...]', description: 'whom to ask (default: every app that the space has a copy of)' },
  ],
  options: [
    { flags: '--path <path>', description: 'what to ask for: a page whose app calls others', default: '/' },
    {
      flags: '--run <command>',
      description: 'run this instead, e.g. a test suite; it finds links in TOW_LINK_<APP>',
    },
  ],
  examples: [
    ['tow spaces check mine', 'asks each app in mine, and names every call on which the space was lost'],
    ['tow spaces check mine web --path /missions', 'asks web for one page'],
    [
      "tow spaces check pr-123 --run 'npm run e2e'",
      'judges the calls of a test suite; exits with 1 where one lost it',
    ],
  ],
  async run(context, [space, ...apps], options) {
    const { terminal, json } = context
    const client = await context.connect()
    const links = chosen(await client.spaces.links({ space: space! }), apps, space!)
    const { counted } = await client.spaces.calls({ space: space! })
    const exit =
      typeof options.run === 'string'
        ? await runSuite(context, options.run, links.all)
        : await askEach(context, links.asked, String(options.path))
    const { passings, mend } = await settled(client, space!, counted)
    if (json) printJson(terminal, { space, passings })
    else {
      for (const { ok, message } of passings)
        terminal.print(`${ok ? terminal.paint('green', '✓') : terminal.paint('red', '✗')} ${message}`)
      if (passings.some(({ ok }) => !ok)) terminal.print(`  ${terminal.paint('cyan', mend)}`)
    }
    if (exit !== 0) return exit
    if (passings.length === 0) throw nothingSeen(space!, links.asked)
    return passings.every(({ ok }) => ok) ? 0 : 1
  },
}

function chosen(all: readonly SpaceLink[], names: readonly string[], space: string) {
  if (names.length === 0) return { all, asked: all.filter(({ own }) => own) }
  const asked = names.map((name) => {
    const link = all.find(({ app }) => app === name)
    if (link) return link
    throw new TowError('NOT_FOUND', `${name} is not entered through ${space}`, {
      hint: `tow spaces show ${space}`,
    })
  })
  return { all, asked }
}

/** One after the other: who calls without a trace is told from who alone answers. */
async function askEach(
  { terminal, signal }: CommandContext,
  links: readonly SpaceLink[],
  path: string,
): Promise<number> {
  let exit = 0
  for (const { app, url } of links) {
    for (let time = 0; time < TIMES; time++) {
      const status = await visit(url, path, signal)
      if (status < 400) continue
      terminal.say(`${app} answered ${status} to ${path}`)
      exit = 1
      break
    }
  }
  return exit
}

async function runSuite(
  { env, cwd, signal }: CommandContext,
  line: string,
  links: readonly SpaceLink[],
): Promise<number> {
  const told = links.map(({ app, url }) => [`TOW_LINK_${app.toUpperCase().replaceAll('-', '_')}`, url])
  // What it writes is no answer of ours.
  const stdio = ['inherit', 2, 2] as const
  const child = spawn('sh', ['-c', line], {
    cwd,
    env: { ...env, ...Object.fromEntries(told) },
    stdio: [...stdio],
  })
  const ended = once(child, 'exit')
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  const [code] = (await ended) as [number | null]
  return signal.aborted ? 130 : (code ?? 1)
}

/** Once two looks in a row say the same. */
async function settled(client: Client, space: string, since: CountedCalls[]) {
  let before = ''
  for (let look = 0; ; look++) {
    const { counted, ...told } = await client.spaces.calls({ space, since })
    const now = JSON.stringify(counted)
    if (now === before || look === MOST_LOOKS) return told
    before = now
    await delay(LOOK_MS)
  }
}

function nothingSeen(space: string, links: readonly SpaceLink[]): TowError {
  const names = links.map(({ app }) => app).join(', ')
  return new TowError('FAILED', `no call between apps was seen in ${space}, so nothing is proved`, {
    hint: `ask for a page of ${names || 'an app'} that calls another app (--path), and say so under needs in tow.yaml`,
  })
}
