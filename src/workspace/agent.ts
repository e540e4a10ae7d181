/**
 * The agent of a workspace: makes it equal to what whoever holds the files sends, and has its processes start anew. It
 * runs beside the workspace, in the engine or in a sidecar; it knows neither apps nor builds, and starts nothing itself.
 */
import type { Duplex } from 'node:stream'
import { TowError } from '../api/errors.ts'
import { cutOff, readFrames, sendFrame } from './frames.ts'
import { type Answer, Request } from './messages.ts'
import { openPlace, type PlaceOptions } from './place.ts'

export interface AgentOptions extends PlaceOptions {
  /** Where the app finds it, where that is not `/workspace`. */
  seenAt?: string
  /** Starts anew what does not reload by itself; answers with what came up, and with what ended instead. */
  restart(): Promise<{ restarted: string[]; ended: string[] }>
}

export interface Agent {
  /** Serves one holder until it leaves; one that was there before is sent away. */
  serve(stream: Duplex): Promise<void>
}

export function openAgent({ restart, seenAt, ...options }: AgentOptions): Agent {
  const place = openPlace(options)
  let present: Duplex | null = null
  /** What was asked for is done in order, also where a new holder comes while something is under way. */
  let turn: Promise<unknown> = Promise.resolve()

  async function commit(request: Request & { type: 'commit' }): Promise<Answer> {
    const began = performance.now()
    const tree = place.commit(request.put, request.remove, request.hash)
    const written = performance.now()
    const outcome = request.restart ? await restart() : { restarted: [], ended: [] }
    const milliseconds = { write: written - began, restart: performance.now() - written }
    return { type: 'done', id: request.id, hash: tree.hash, ...outcome, milliseconds }
  }

  async function obey(request: Request, body: Buffer): Promise<Answer | null> {
    switch (request.type) {
      case 'hello':
        return {
          type: 'welcome',
          ...(seenAt === undefined ? {} : { folder: seenAt }),
          entries: [...(await place.look(request.claims)).entries],
        }
      case 'contents': {
        let at = 0
        for (const { digest, size } of request.blobs) {
          place.keep(digest, body.subarray(at, at + size))
          at += size
        }
        return null
      }
      case 'part':
        place.keepPart(request.digest, request.offset, body)
        return null
      case 'commit':
        return commit(request)
      case 'verify': {
        const { tree, paths } = await place.verify()
        return { type: 'verified', id: request.id, hash: tree.hash, paths }
      }
      case 'restart': {
        const began = performance.now()
        const outcome = await restart()
        const milliseconds = { write: 0, restart: performance.now() - began }
        return { type: 'done', id: request.id, hash: place.tree().hash, ...outcome, milliseconds }
      }
    }
  }

  async function answer(message: unknown, body: Buffer): Promise<Answer | null> {
    const parsed = Request.safeParse(message)
    if (!parsed.success) {
      return failed(
        null,
        new TowError('BAD_INPUT', 'what came is no request that this workspace knows', {
          hint: 'tow and the platform may be of different versions: tow down && tow up',
        }),
      )
    }
    try {
      return await obey(parsed.data, body)
    } catch (error) {
      return failed('id' in parsed.data ? parsed.data.id : null, error)
    }
  }

  return {
    async serve(stream) {
      present?.destroy()
      present = stream
      stream.on('error', () => {})
      try {
        for await (const { message, body } of readFrames(stream)) {
          const mine = turn.then(() => (present === stream ? answer(message, body) : null))
          turn = mine.catch(() => {})
          const said = await mine
          if (!said) continue
          await sendFrame(stream, said)
          if (said.type === 'failed' && said.id === null) return
        }
      } catch (error) {
        if (!stream.destroyed) await sendFrame(stream, failed(null, error)).catch(() => {})
      } finally {
        if (present === stream) present = null
        stream.end()
      }
    },
  }
}

function failed(id: number | null, error: unknown): Answer {
  const known = error instanceof TowError ? error : ofSystem(error)
  const { code, message, hint } = known
  return { type: 'failed', id, code, message, ...(hint ? { hint } : {}) }
}

function ofSystem(error: unknown): TowError {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TowError('DISK_FULL', 'no space is left where the workspace lies', { cause: error })
  }
  return code === 'ERR_STREAM_PREMATURE_CLOSE'
    ? cutOff(error)
    : new TowError('FAILED', `the workspace could not be written: ${message}`, { cause: error })
}
