/** What the cluster reports about processes, in words that a developer understands. Pure. */
import type { LastExit, Problem } from '../../engine.ts'
import type { Condition, ContainerState } from '../cluster/objects.ts'
import { cpus, megabytes } from './quantities.ts'

const SIGNALS: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
}
/** What a shell adds to the number of the signal that ended its command. */
const SIGNAL_BASE = 128

export function lastExitOf(
  ended: NonNullable<ContainerState['terminated']>,
  memory: string | undefined,
): LastExit {
  const number = ended.signal ?? (ended.exitCode > SIGNAL_BASE ? ended.exitCode - SIGNAL_BASE : 0)
  const signal = SIGNALS[number]
  const at = new Date(ended.finishedAt ?? 0).toISOString()
  if (ended.reason === 'OOMKilled') {
    return { signal: 'SIGKILL', at, reason: `killed for memory at ${megabytes(memory)} MB` }
  }
  if (ended.reason === 'ContainerCannotRun' || ended.reason === 'StartError') {
    return { at, reason: `could not be started: ${noShell(ended.message) ?? ended.message ?? ended.reason}` }
  }
  if (signal) return { signal, at, reason: `ended by ${signal}` }
  return { code: ended.exitCode, at, reason: `exited with code ${ended.exitCode}` }
}

const noShell = (message = '') =>
  /exec: "sh": executable file not found/.test(message)
    ? 'the image has no sh, which commands are run by; the base image of the environment (--base of tow env add) has to have one'
    : null

/** Why a whole pod was ended, e.g. `Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. `. */
export function evictedFor(message: string, at: string): LastExit {
  const limit = /ephemeral.*storage usage exceeds .*?(\d\w*)\.?\s*$/.exec(message)?.[1]
  const why = limit ? `it wrote more than ${limit}` : shortened(message || 'its node needed the room')
  return { at, reason: `evicted: ${why}` }
}

export function crashLoop(
  name: string,
  ends: number,
  last: LastExit | undefined,
  lastLines: string[],
): Problem {
  const reason = last?.reason ?? 'ended'
  const how = /^(exited|could)/.test(reason) ? reason : `was ${reason}`
  return {
    code: 'crash-loop',
    message: `${name} ended ${ends} times in a row soon after its start; the last time it ${how}`,
    hint: 'tow logs shows what it wrote; a new release or a change of config starts it anew',
    lastLines,
  }
}

const IMAGE_REASONS = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'])
/** What no second try mends. */
const IMAGE_FINAL = /not found|manifest unknown|no match for platform|invalid reference|InvalidImageName/i
const IMAGE_FORBIDDEN = /denied|unauthorized|forbidden|authentication/i

export function imageProblem(waiting: ContainerState['waiting'], image: string | undefined): Problem | null {
  if (!waiting?.reason || !IMAGE_REASONS.has(waiting.reason)) return null
  const message = waiting.message ?? waiting.reason
  const isMissing = waiting.reason === 'InvalidImageName' || IMAGE_FINAL.test(message)
  return {
    code: isMissing ? 'image-missing' : 'image-pull',
    message: `the image cannot be pulled: ${shortened(message)}${message.includes(image ?? '\0') ? '' : ` (${image})`}`,
    hint: IMAGE_FORBIDDEN.test(message)
      ? 'the nodes may not read this registry: name a pull secret in `imagePullSecrets` of the environment’s values'
      : 'see that the nodes reach the registry by this name; tow doctor checks it',
  }
}

export function startProblem(name: string, waiting: ContainerState['waiting']): Problem | null {
  if (waiting?.reason === 'CreateContainerConfigError' || waiting?.reason === 'CreateContainerError') {
    return {
      code: 'start-failed',
      message: `${name} cannot be started: ${shortened(waiting.message ?? waiting.reason)}`,
    }
  }
  if (waiting?.reason === 'RunContainerError') {
    return {
      code: 'start-failed',
      message: `${name} cannot be started: ${shortened(waiting.message ?? waiting.reason)}`,
      hint: 'the image must have a shell: commands are run by `sh -c`',
    }
  }
  return null
}

/** Why the workspace of a set that follows files could not be made ready, or null. */
export function fillProblem(
  name: string,
  state: ContainerState | undefined,
  last: ContainerState | undefined,
): Problem | null {
  const ended = state?.terminated ?? last?.terminated
  if (name !== 'fill' || (ended?.exitCode ?? 0) === 0) return null
  const isWithoutShell = ended?.reason === 'StartError' || ended?.reason === 'ContainerCannotRun'
  const said = ended?.message || `the workspace could not be filled: it ended with ${ended?.exitCode}`
  return {
    code: 'start-failed',
    message: isWithoutShell
      ? 'the image has no sh, which a workspace that follows files needs'
      : shortened(said),
    hint: 'the base image of the environment (--base of tow env add) has to have sh, cp, mkfifo and setsid',
  }
}

export function unschedulable(message: string, requests: Record<string, string> | undefined): Problem {
  const hint = 'ask for less (`cpu`, `memory`, counts), or have nodes added'
  if (/Insufficient cpu/.test(message)) {
    return { code: 'no-room', message: `no node has ${cpus(requests?.cpu)} free`, hint }
  }
  if (/Insufficient memory/.test(message)) {
    return { code: 'no-room', message: `no node has ${megabytes(requests?.memory)} MB of memory free`, hint }
  }
  return { code: 'no-room', message: `no node takes it: ${shortened(message)}`, hint }
}

/** `Readiness probe failed: HTTP probe failed with statuscode: 503`, and what it means. */
export function notReady(warning: string | undefined): Problem {
  const status = /statuscode: (\d+)/.exec(warning ?? '')?.[1]
  const what = status
    ? `its health check answers ${status}`
    : shortened(warning ?? 'it no longer answers its health check')
  return {
    code: 'unhealthy',
    message: `readiness fails: ${what}`,
    hint: 'tow logs shows what it wrote; the path is `health` in tow.yaml',
  }
}

/** Why a Deployment makes no pods, or null. */
export function noPods(conditions: readonly Condition[] | undefined): Problem | null {
  const failure = conditions?.find((one) => one.type === 'ReplicaFailure' && one.status === 'True')
  if (!failure) return null
  const message = failure.message ?? failure.reason ?? ''
  if (/exceeded quota/.test(message)) {
    return {
      code: 'quota',
      message: `the quota of the namespace is used up: ${shortened(afterForbidden(message))}`,
      hint: 'ask for less (tow scale, `cpu` and `memory` in tow.yaml), or have the quota raised',
    }
  }
  return { code: 'refused', message: `the cluster refuses its pods: ${shortened(afterForbidden(message))}` }
}

function afterForbidden(message: string): string {
  return message.replace(/^.*? is forbidden: /, '')
}

/** Messages of the container runtime repeat themselves at length. */
export function shortened(message: string): string {
  const line = message.replaceAll('\n', ' ').trim()
  return line.length > 300 ? `${line.slice(0, 300)}…` : line
}
