/** What is said to each router of the hop, and what they say: one stream to each, open for as long as its pod runs. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  documentOf,
  documentsOf,
  HOP_PORTS,
  type HopReport,
  type HopTable,
  REPORT_MS,
} from '../../../router/hop/protocol.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Pod } from '../cluster/objects.ts'
import { isOver, isStopping, statusOf } from '../observe/pods.ts'
import { forwardToPod } from '../streams/forward.ts'

export interface Talks {
  /** The routers there are, and what they are to know; told at once, and again to whoever comes later. */
  tell(pods: readonly Pod[], table: HopTable): void
  /** What the router said last, and since when nothing was heard of it; null where it never spoke. */
  heard(pod: Pod): Heard | null
  close(): void
}

export interface Heard {
  report: HopReport | null
  /** Milliseconds since the epoch; null while it speaks. */
  silentSince: number | null
}

const SILENCE_MS = 5 * REPORT_MS
const PAUSE_MS = 300

interface Talk extends Heard {
  pod: string
  ending: AbortController
  /** Says what it is to know now, where it is listening. */
  say: () => void
}

export function createTalks(cluster: Cluster, changed: () => void): Talks {
  const talks = new Map<string, Talk>()
  let told: HopTable | null = null

  function begin(pod: Pod): Talk {
    const ending = new AbortController()
    const talk: Talk = {
      pod: pod.metadata.name,
      ending,
      report: null,
      silentSince: Date.now(),
      say: () => {},
    }
    void keepTalking(talk)
    return talk
  }

  async function keepTalking(talk: Talk): Promise<void> {
    const { signal } = talk.ending
    while (!signal.aborted) {
      await talkOnce(talk, signal).catch(() => {})
      talk.say = () => {}
      talk.silentSince ??= Date.now()
      if (!signal.aborted) changed()
      await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
    }
  }

  async function talkOnce(talk: Talk, signal: AbortSignal): Promise<void> {
    const stream = await forwardToPod(cluster, talk.pod, HOP_PORTS.control)
    const end = () => stream.destroy()
    signal.addEventListener('abort', end, { once: true })
    let silence = setTimeout(end, SILENCE_MS)
    try {
      talk.say = () => void (told && stream.write(documentOf(told)))
      talk.say()
      for await (const report of documentsOf<HopReport>(stream)) {
        clearTimeout(silence)
        silence = setTimeout(end, SILENCE_MS)
        const before = JSON.stringify(talk.report)
        const isNews = talk.silentSince !== null || before !== JSON.stringify(report)
        talk.report = report
        talk.silentSince = null
        if (isNews) changed()
      }
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', end)
      stream.destroy()
    }
  }

  return {
    tell(pods, table) {
      const isNew = told?.version !== table.version
      told = table
      const running = pods.filter((pod) => !isOver(pod) && statusOf(pod)?.state?.running)
      const uids = new Set(running.map(({ metadata }) => metadata.uid as string))
      for (const [uid, talk] of talks) {
        if (uids.has(uid)) continue
        talk.ending.abort()
        talks.delete(uid)
      }
      for (const pod of running) {
        const uid = pod.metadata.uid as string
        const known = talks.get(uid)
        if (!known && !isStopping(pod)) talks.set(uid, begin(pod))
        else if (known && isNew) known.say()
      }
    },
    heard: (pod) => talks.get(pod.metadata.uid ?? '') ?? null,
    close() {
      for (const { ending } of talks.values()) ending.abort()
      talks.clear()
    },
  }
}
