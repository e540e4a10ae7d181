/** The lines of an app, read once and followed; gathered by frame, so that a flood does not stop the page. */
import { useEffect, useState } from 'react'
import type { TowError } from '../../api/errors.ts'
import type { LogLine } from '../../api/logs.ts'
import { lastHeard, streams } from '../platform.ts'
import { plainOf, type Read, readLine } from './line.ts'

export interface Line extends LogLine, Read {
  plain: string
}

/** What the page holds at most; older ones go. */
export const MOST_LINES = 100_000
const GATHERED_MILLISECONDS = 80
const AROUND_MILLISECONDS = 10 * 60_000
const PAUSE_MILLISECONDS = 1500
/** Where nothing has come so long after the answer began, nothing was there. */
const FIRST_MILLISECONDS = 600

const NONE: Lines = { lines: [], isFollowed: false, isRead: false, error: null }

interface Asked {
  app: string
  environment: string
  process: string | undefined
  /** A line to be shown among those around it, rather than the newest. */
  around: string | undefined
  count: number
}

interface Lines {
  lines: readonly Line[]
  isFollowed: boolean
  /** Whether what there was before has come; nothing is said to be missing until then. */
  isRead: boolean
  error: TowError | null
}

export function useLines({ app, environment, process, around, count }: Asked): Lines {
  const [state, setState] = useState(NONE)
  useEffect(() => {
    const end = new AbortController()
    let all: Line[] = []
    let gathered: Line[] = []
    let timer: ReturnType<typeof setTimeout> | null = null
    setState(NONE)
    const show = (told: Pick<Lines, 'isFollowed' | 'error'>) => {
      if (timer) clearTimeout(timer)
      timer = null
      all = [...all, ...gathered].slice(-MOST_LINES)
      gathered = []
      setState({ ...told, lines: all, isRead: true })
    }
    const flush = () => show({ isFollowed: !around, error: null })
    async function read(after: string | undefined): Promise<void> {
      const stream = await streams.processes.logs(
        {
          ...{ app, environment },
          ...(process ? { process } : {}),
          ...(around ? span(around) : { follow: true }),
          lines: around ? MOST_LINES : count,
          ...(after ? { after } : {}),
        },
        { signal: end.signal },
      )
      timer ??= setTimeout(flush, FIRST_MILLISECONDS)
      let isFirst = true
      for await (const line of stream) {
        gathered.push({ ...line, ...readLine(line.text), plain: plainOf(line.text) })
        if (isFirst && timer) clearTimeout(timer)
        if (isFirst || !timer) timer = setTimeout(flush, GATHERED_MILLISECONDS)
        isFirst = false
      }
    }
    async function follow(): Promise<void> {
      while (!end.signal.aborted) {
        try {
          await read(all.at(-1)?.id)
          flush()
          if (around) return
        } catch (error) {
          if (end.signal.aborted) return
          const isLost = (error as TowError).code === 'UNAVAILABLE'
          show({ isFollowed: false, error: isLost ? null : (error as TowError) })
          if (!isLost) return
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS))
      }
    }
    void follow()
    return () => {
      end.abort()
      if (timer) clearTimeout(timer)
    }
  }, [app, environment, process, around, count])
  return state
}

/** An id begins with the time of its line. */
function span(id: string): { since: string; until: string } {
  const at = Number(id.slice(0, 13)) || lastHeard()
  return {
    since: new Date(at - AROUND_MILLISECONDS).toISOString(),
    until: new Date(at + AROUND_MILLISECONDS).toISOString(),
  }
}
