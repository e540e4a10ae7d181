/** The last lines of one release while it rolls out, followed for as long as it does. */
import { useEffect, useState } from 'react'
import type { LogLine } from '../../api/logs.ts'
import type { Rollout } from '../../api/rollouts.ts'
import { streams } from '../platform.ts'

const MOST = 300
const GATHERED_MILLISECONDS = 120
const PAUSE_MILLISECONDS = 1500
/** What was written last arrives a little after the end. */
const AFTERWARDS_MILLISECONDS = 5000

/** Null before anything was read. */
export function useTail({
  app,
  environment,
  release,
  startedAt,
  endedAt,
}: Rollout): readonly LogLine[] | null {
  const [lines, setLines] = useState<readonly LogLine[] | null>(null)
  useEffect(() => {
    const end = new AbortController()
    const { signal } = end
    let all: LogLine[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    const flush = () => {
      timer = undefined
      setLines(all)
    }
    async function read(): Promise<void> {
      const until = endedAt && new Date(Date.parse(endedAt) + AFTERWARDS_MILLISECONDS).toISOString()
      const last = all.at(-1)?.id
      const stream = await streams.processes.logs(
        {
          ...{ app, environment, release, since: startedAt, lines: MOST },
          ...(until ? { until } : { follow: true }),
          ...(last ? { after: last } : {}),
        },
        { signal },
      )
      for await (const line of stream) {
        all = [...all.slice(1 - MOST), line]
        timer ??= setTimeout(flush, GATHERED_MILLISECONDS)
      }
    }
    async function follow(): Promise<void> {
      while (!signal.aborted) {
        try {
          await read()
          if (!signal.aborted) setLines(all)
          if (endedAt) return
        } catch {
          // The engine, or the platform, is away for a while: what was read stays.
          if (signal.aborted) return
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS))
      }
    }
    void follow()
    return () => {
      end.abort()
      clearTimeout(timer)
    }
  }, [app, environment, release, startedAt, endedAt])
  return lines
}
