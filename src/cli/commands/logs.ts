import { TowError } from '../../api/errors.ts'
import type { LogLine } from '../../api/logs.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { type Copy, chooseCopy, versionOf } from '../environment.ts'
import { releaseNumber, wholeNumber } from '../help.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { harmless } from '../terminal/text.ts'

export const command: Command = {
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '-f, --follow', description: 'go on as lines are written' },
    { flags: '-n, --lines <count>', description: 'the newest lines', default: '100' },
    { flags: '--since <time>', description: 'an age (10m, 2h, 1d) or an ISO time' },
    { flags: '--until <time>', description: 'an age or an ISO time' },
    { flags: '-p, --process <name>', description: 'only this process' },
    { flags: '-r, --release <version>', description: 'only this release' },
    {
      flags: '--grep <text>',
      description: 'only lines that contain it; /expression/ or /expression/i in RE2’s syntax',
    },
  ],
  examples: [
    ['tow logs -f', 'the last 100 lines of this folder’s app in stage, and on'],
    ['tow logs -a missions -e prod --since 2h --grep ERROR', 'errors of the last two hours'],
    ["tow logs --grep '/status=5\\d\\d/'", 'an expression; the platform searches, only what matches travels'],
    ['tow logs --space mine -f', 'of the copy in the space mine'],
    ['tow logs --json | jq -r .text', 'one JSON object a line'],
  ],
  async run({ terminal, json, connect, home, cwd, signal }, _args, options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    const query = {
      ...copy,
      follow: options.follow === true,
      lines: wholeNumber(String(options.lines), '--lines'),
      ...(typeof options.since === 'string' ? { since: time(options.since, '--since') } : {}),
      ...(typeof options.until === 'string' ? { until: time(options.until, '--until') } : {}),
      ...(typeof options.process === 'string' ? { process: options.process } : {}),
      ...(typeof options.release === 'string' ? { release: releaseNumber(options.release) } : {}),
      ...(typeof options.grep === 'string' ? { grep: options.grep } : {}),
    }
    try {
      for await (const line of await client.processes.logs(query, { signal })) {
        terminal.print(json ? JSON.stringify(line) : shown(terminal, copy, line))
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return 0
  },
}

function shown(terminal: Terminal, copy: Copy, line: LogLine): string {
  const version = versionOf(copy, line.release)
  const head = terminal.paint('dim', `${line.at.slice(0, 19)} ${version} ${line.instance}`)
  if (line.missing !== undefined) return `${head} ${terminal.paint('yellow', line.text)}`
  if (line.stream === 'platform') return `${head} ${terminal.paint('cyan', line.text)}`
  return `${head} ${harmless(line.text)}`
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 }

function time(text: string, option: string): string {
  const relative = /^(\d{1,6})([smhd])$/.exec(text)
  if (relative)
    return new Date(
      Date.now() - Number(relative[1]) * UNITS[relative[2] as keyof typeof UNITS] * 1000,
    ).toISOString()
  const absolute = new Date(text)
  if (Number.isNaN(absolute.getTime()))
    throw new TowError('USAGE', `${option} is an age like 10m or 2h, or an ISO time, not "${text}"`)
  return absolute.toISOString()
}
