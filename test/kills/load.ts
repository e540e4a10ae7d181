/** Constant requests to apps over kept connections; every one that fails is kept with its time. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Failed {
  app: string
  at: number
  why: string
}

export interface Load {
  answered(): number
  failed: Failed[]
  stop(): Promise<void>
}

export interface Answer {
  version: number
  value: string | null
}

const PAUSE = 20
const PATIENCE = 30_000

export function startLoad(urls: Record<string, string>, clients: number): Load {
  let answered = 0
  let isOver = false
  const failed: Failed[] = []
  const running = Object.entries(urls).flatMap(([app, url]) =>
    Array.from({ length: clients }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      while (!isOver) {
        try {
          await ask(url, agent)
          answered += 1
        } catch (error) {
          failed.push({ app, at: Date.now(), why: (error as Error).message })
        }
        await sleep(PAUSE)
      }
      agent.destroy()
    }),
  )
  return {
    answered: () => answered,
    failed,
    async stop() {
      isOver = true
      await Promise.all(running)
    },
  }
}

/** What the app says of itself; throws for any answer but 200. */
export function ask(url: string, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: agent ?? false, timeout: PATIENCE }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${response.statusCode} ${text.replace(/\s+/g, ' ').slice(0, 200)}`))
      })
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${PATIENCE / 1000} s`)))
    sent.on('error', reject)
    sent.end()
  })
}
