/** Workspaces of live sets on this machine: their agents run here, and whoever sends to one is joined to it. */
import { mkdirSync } from 'node:fs'
import { type Duplex, duplexPair } from 'node:stream'
import { type Agent, type AgentOptions, openAgent } from '../../workspace/agent.ts'

/** Inside the workspace, so that what is renamed stays on one file system; closed to the app. */
const STATE_FOLDER = '.tow'

export interface Workspaces {
  open(folder: string, uid: number | null, restart: AgentOptions['restart']): Duplex
}

export function createWorkspaces(): Workspaces {
  /** One for each, so that what two holders ask for one after the other is done in that order. */
  const agents = new Map<string, Agent>()
  return {
    open(folder, uid, restart) {
      const state = `${folder}/${STATE_FOLDER}`
      mkdirSync(state, { recursive: true, mode: 0o700 })
      let agent = agents.get(folder)
      if (!agent) {
        agent = openAgent({ folder, seenAt: folder, state, uid, restart })
        agents.set(folder, agent)
      }
      const [ours, theirs] = duplexPair()
      // The two ends of a pair don't tell each other that they are gone.
      ours.on('close', () => theirs.destroy())
      theirs.on('close', () => ours.destroy())
      void agent.serve(theirs)
      return ours
    },
  }
}
