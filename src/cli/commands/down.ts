import { setTimeout as sleep } from 'node:timers/promises'
import { TowError } from '../../api/errors.ts'
import type { PlatformFile } from '../../api/platform-file.ts'
import type { Command } from '../command.ts'
import { clientOf, findPlatform, isAlive, readPlatformFile, startPlatform } from '../platform/connect.ts'
import { printJson } from '../terminal/terminal.ts'

const STOP_SECONDS = 90

export const command: Command = {
  options: [{ flags: '--platform-only', description: 'leave apps and databases running' }],
  examples: [
    ['tow down', 'stops apps, databases and the platform; all of it is there again after tow up'],
    ['tow down --platform-only', 'apps go on serving'],
  ],
  async run({ terminal, json, home, env, signal }, _args, options) {
    let file = await findPlatform(home)
    if (!file && !options.platformOnly && (await readPlatformFile(home))) {
      // It died and left apps and databases running: only a platform knows how to end them in order.
      file = (await startPlatform({ home, env, signal })).file
    }
    if (!file) {
      if (json) printJson(terminal, { stopped: [] })
      else terminal.say(`No platform runs on ${home}.`)
      return 0
    }
    const { stopping } = await stop(file, options.platformOnly !== true)
    for (
      const until = performance.now() + STOP_SECONDS * 1000;
      isAlive(file.pid);
      await sleep(50, undefined, { signal })
    ) {
      if (performance.now() > until) {
        throw new TowError(
          'FAILED',
          `the platform (pid ${file.pid}) still runs after ${STOP_SECONDS} seconds`,
          { hint: `kill -9 ${file.pid}` },
        )
      }
    }
    if (json) printJson(terminal, { stopped: stopping })
    else terminal.say(`Stopped: ${stopping.join(', ')}. Undo: tow up`)
    if (options.platformOnly) terminal.say('Apps and databases go on; tow up, then tow down stops them too.')
    return 0
  },
}

async function stop(file: PlatformFile, everything: boolean): Promise<{ stopping: string[] }> {
  try {
    return await (await clientOf(file)).system.stop({ everything })
  } catch (cause) {
    if (!(cause instanceof TowError) || cause.code !== 'UNAVAILABLE') throw cause
    throw new TowError(
      'UNAVAILABLE',
      `the platform (pid ${file.pid}) runs, but can’t be asked to stop: ${cause.message}`,
      {
        hint: `kill ${file.pid}`,
        cause,
      },
    )
  }
}
