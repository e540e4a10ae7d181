/** What is said to a program of ours in each of some pods, and what they say: a stream to each, for as long as it runs. */
import { setTimeout as delay } from 'node:timers/promises'
import { documentsOf } from '../../../router/hop/protocol.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Pod } from '../cluster/objects.ts'
import { isOver, isStopping, statusOf } from '../observe/pods.ts'
import { forwardToPod } from './forward.ts'

export interface Talks<Report> {
  /** Whom to speak with, and what they are to know: told at once, and again to whoever comes later. */
  tell(pods: readonly Pod[], document?: string): void
  /** What it said last, and since when nothing was heard of it; null where it never spoke. */
  heard(pod: Pod): Heard<Report> | null
  close(): void
}

export interface Heard<Report> {
  report: Report | null
  /** Milliseconds since the epoch; null while it speaks. */
  silentSince: number | null
}

export interface TalkOptions {
  cluster: Cluster
  port: number
  /** They say something at least this often, in milliseconds. */
  reportMs: number
  /** Told the name of the pod that said something else than before, or fell silent. */
  changed: (pod: string) => void
}

/** So many reports that did not come are an end. */
const MISSED = 5
const PAUSE_MS = 300

interface Talk<Report> extends Heard<Report> {
  pod: string
  ending: AbortController
  /** Says what it is to know now, where it is listening. */
  say: () => void
}

export function createTalks<Report>({ cluster, port, reportMs, changed }: TalkOptions): Talks<Report> {
  const talks = new Map<string, Talk<Report>>()
  let told = ''

  function begin(pod: Pod): Talk<Report> {
    const ending = new AbortController()
    const talk: Talk<Report> = {
      pod: pod.metadata.name,
      ending,
      report: null,
      silentSince: Date.now(),
      say: () => {},
    }
    void keepTalking(talk)
    return talk
  }

  async function keepTalking(talk: Talk<Report>): Promise<void> {
    const { signal } = talk.ending
    while (!signal.aborted) {
      await talkOnce(talk, signal).catch(() => {})
      talk.say = () => {}
      talk.silentSince ??= Date.now()
      if (!signal.aborted) changed(talk.pod)
      await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
    }
  }

  async function talkOnce(talk: Talk<Report>, signal: AbortSignal): Promise<void> {
    const stream = await forwardToPod(cluster, talk.pod, port)
    const end = () => stream.destroy()
    signal.addEventListener('abort', end, { once: true })
    let silence = setTimeout(end, MISSED * reportMs)
    try {
      talk.say = () => void (told && stream.write(told))
      talk.say()
      for await (const report of documentsOf<Report>(stream)) {
        clearTimeout(silence)
        silence = setTimeout(end, MISSED * reportMs)
        const before = JSON.stringify(talk.report)
        const isNews = talk.silentSince !== null || before !== JSON.stringify(report)
        talk.report = report
        talk.silentSince = null
        if (isNews) changed(talk.pod)
      }
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', end)
      stream.destroy()
    }
  }

  return {
    tell(pods, document = '') {
      const isNew = told !== document
      told = document
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
