/** A delivery as a person sees it: a line for each app while it runs, then a URL or what went wrong. */
import { SHIPPED_WORDS } from '../api/shipped-words.ts'
import type { Ship, ShipUpdate } from '../api/ships.ts'
import type { Client } from '../client/client.ts'
import { type Board, createBoard } from './terminal/board.ts'
import { sayFailure } from './terminal/failure.ts'
import { printJson, type Terminal } from './terminal/terminal.ts'
import { duration } from './terminal/text.ts'

interface Following {
  client: Client
  terminal: Terminal
  ship: Ship
  json: boolean
  signal: AbortSignal
}

export async function followShip({
  client,
  terminal,
  ship: started,
  json,
  signal,
}: Following): Promise<number> {
  const begin = Date.now()
  const board = createBoard(terminal)
  let ship = started
  show(board, ship)
  try {
    for await (const update of await client.ships.follow({ id: ship.id }, { signal })) {
      if (update.type === 'ship') {
        ship = update.ship
        show(board, ship)
      } else tell(board, terminal, update)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    board.close()
  }
  if (signal.aborted) return leave(client, terminal, ship)
  if (json) printJson(terminal, ship)
  return conclude(terminal, ship, Date.now() - begin, json)
}

function show(board: Board, ship: Ship): void {
  for (const { app, state, release } of ship.apps) {
    const mark =
      state === 'live' || state === 'unchanged'
        ? 'done'
        : state === 'failed' || state === 'cancelled'
          ? 'failed'
          : state === 'waiting'
            ? 'waiting'
            : 'running'
    const version =
      release === null ? '' : ` ${ship.space === null ? `v${release}` : `${ship.space}.${release}`}`
    board.set(app, mark, SHIPPED_WORDS[state] + version)
  }
}

function tell(board: Board, terminal: Terminal, update: Exclude<ShipUpdate, { type: 'ship' }>): void {
  if (update.type === 'build-output') {
    for (const line of update.text.split('\n')) {
      if (line.trim() !== '') board.log(terminal.tint('dim', `  ${update.app} │ ${line}`))
    }
  } else if (update.type === 'build-step') {
    const took = update.milliseconds === null ? '' : ` ${duration(update.milliseconds)}`
    const why = update.reused ?? update.because
    board.set(update.app, 'running', `${update.name}${update.reused ? '' : took}${why ? ` (${why})` : ''}`)
  } else board.set(update.app, 'running', update.message)
}

/** Ctrl-C: builds are given up, since nobody waits for them; what already rolls out is left to end well. */
async function leave(client: Client, terminal: Terminal, ship: Ship): Promise<number> {
  const releasing = ship.apps.some(({ state }) => state === 'releasing' || state === 'live')
  if (releasing && ship.space !== null)
    terminal.say(`It goes on without you. tow spaces show ${ship.space} shows how.`)
  else if (releasing)
    terminal.say('The rollout goes on without you. tow rollout shows it, tow rollout abort gives it up.')
  else {
    await client.ships.cancel({ id: ship.id })
    terminal.say('Given up: nothing was released.')
  }
  return 130
}

function conclude(terminal: Terminal, ship: Ship, milliseconds: number, json: boolean): number {
  for (const { app, error } of ship.apps) {
    if (error)
      sayFailure(terminal, {
        message: error.message.startsWith(`${app}:`) ? error.message : `${app}: ${error.message}`,
        hint: error.hint,
        lastLines: error.lastLines,
      })
  }
  if (ship.state === 'live') {
    const place = ship.space === null ? ship.environment : `${ship.space} over ${ship.environment}`
    terminal.say(`Live in ${place} after ${duration(milliseconds)}.`)
    // Of a space the links are told, which let somebody in.
    if (!json && ship.space === null) {
      for (const { app, urls } of ship.apps) {
        if (urls[0]) terminal.print(ship.apps.length === 1 ? urls[0] : `${app}  ${urls[0]}`)
      }
    }
    return 0
  }
  const live = ship.apps.filter(({ state }) => state === 'live').map(({ app }) => app)
  if (live.length > 0) terminal.say(`Live all the same: ${live.join(', ')}.`)
  return 1
}
