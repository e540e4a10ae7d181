/** What one target keeps on disk: what is asked for (sealed), and what is remembered of its processes. */
import { rmSync } from 'node:fs'
import { readJson, writeDurably, writeWhole } from './durable.ts'
import type { Paths } from './paths.ts'
import type { Slot } from './plan.ts'
import type { Seal } from './seal.ts'
import type { Desired, DesiredSet, LastExit, Problem, SplitRule, Target } from './shapes.ts'

export interface TargetMemory {
  generation: number
  desired: Desired
  /** True once everything of it is to go. */
  removed: boolean
  /** What the router was last told. */
  split: SplitRule[]
  retained: DesiredSet[]
}

export interface SlotMemory extends Slot {
  restarts: number
  lastExit?: LastExit
  problem?: Problem
  lastId?: string
}

interface SealedFile {
  /** In the clear, so that a lost key does not lose the fence. */
  generation: number
  sealed: string
}

export interface TargetStore {
  /** Null where there is nothing. Throws when it cannot be read with this key. */
  load(): TargetMemory | null
  /** Durable when it returns. */
  save(memory: TargetMemory): void
  loadSlots(): Map<string, SlotMemory>
  saveSlots(slots: ReadonlyMap<string, SlotMemory>): void
  forget(): void
}

export function openTargetStore(paths: Paths, seal: Seal, target: Target): TargetStore {
  const file = paths.targetFile(target)
  const slotsFile = file.replace(/\.json$/, '.slots')
  return {
    load() {
      const kept = readJson<SealedFile>(file)
      return kept ? (JSON.parse(seal.open(kept.sealed)) as TargetMemory) : null
    },
    save(memory) {
      const kept: SealedFile = { generation: memory.generation, sealed: seal.seal(JSON.stringify(memory)) }
      writeDurably(file, JSON.stringify(kept))
    },
    loadSlots: () => new Map(Object.entries(readJson<Record<string, SlotMemory>>(slotsFile) ?? {})),
    saveSlots(slots) {
      writeWhole(slotsFile, JSON.stringify(Object.fromEntries(slots)))
    },
    forget() {
      rmSync(file, { force: true })
      rmSync(slotsFile, { force: true })
    },
  }
}
