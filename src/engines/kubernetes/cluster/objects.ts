/** The little that is read of what the cluster keeps. Times are as the wire has them: ISO 8601. */
import type { KubeObject } from './kinds.ts'

export interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt: string }
  terminated?: {
    exitCode: number
    signal?: number
    reason?: string
    message?: string
    startedAt?: string
    finishedAt?: string
    containerID?: string
  }
}

export interface ContainerStatus {
  name: string
  ready: boolean
  restartCount: number
  state?: ContainerState
  lastState?: ContainerState
}

export interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
  observedGeneration?: number
  lastTransitionTime?: string
}

export interface Pod extends KubeObject {
  spec: {
    nodeName?: string
    initContainers?: { name: string; image?: string }[]
    terminationGracePeriodSeconds?: number
    containers: {
      name: string
      image?: string
      tty?: boolean
      stdin?: boolean
      env?: { name: string; value?: string }[]
      envFrom?: { secretRef?: { name: string } }[]
      resources?: { limits?: Record<string, string>; requests?: Record<string, string> }
    }[]
  }
  status?: {
    phase?: string
    reason?: string
    message?: string
    startTime?: string
    conditions?: Condition[]
    containerStatuses?: ContainerStatus[]
    initContainerStatuses?: ContainerStatus[]
  }
}

export interface Deployment extends KubeObject {
  spec: { replicas?: number }
  status?: {
    observedGeneration?: number
    replicas?: number
    updatedReplicas?: number
    readyReplicas?: number
    conditions?: Condition[]
  }
}

/** Who is behind a Service, as whoever routes is told. */
export interface EndpointSlice extends KubeObject {
  endpoints?: { conditions?: { ready?: boolean }; targetRef?: { name?: string } }[] | null
}

export interface Route extends KubeObject {
  status?: {
    parents?: {
      parentRef: { name: string; namespace?: string }
      controllerName?: string
      conditions?: Condition[]
    }[]
  }
}

export interface Job extends KubeObject {
  spec: { activeDeadlineSeconds?: number }
  status?: {
    startTime?: string
    completionTime?: string
    active?: number
    succeeded?: number
    failed?: number
    conditions?: Condition[]
  }
}

export interface Secret extends KubeObject {
  type?: string
  immutable?: boolean
  data?: Record<string, string>
}

export interface Lease extends KubeObject {
  spec: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

export interface KubeEvent extends KubeObject {
  type?: string
  reason?: string
  message?: string
  lastTimestamp?: string
  eventTime?: string
  involvedObject: { kind?: string; name?: string; uid?: string }
}
