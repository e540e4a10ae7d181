/** What one target keeps on disk: what is asked for (sealed), and what is remembered of its processes. */
import { existsSync, rmSync } from 'node:fs'
import { TowError } from '../api/errors.ts'
import { readJson, setAside, writeDurably, writeWhole } from './durable.ts'
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

/** What was kept of a target and can't be read any more. */
export interface Damaged {
  /** Where the file lies now. */
  damaged: string
  /** 0 where not even that can be read. */
  generation: number
  hint?: string
}

interface SealedFile {
  /** In the clear, so that a lost key does not lose the fence. */
  generation: number
  sealed: string
}

export interface TargetStore {
  /** Null where there is nothing. What can't be read is set aside, and told with the generation it still shows. */
  load(): TargetMemory | Damaged | null
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
      if (!existsSync(file)) return null
      const kept = readJson<Partial<SealedFile>>(file)
      try {
        return JSON.parse(seal.open(kept?.sealed ?? '')) as TargetMemory
      } catch (error) {
        const aside = setAside(file)
        const hint = error instanceof TowError ? error.hint : undefined
        return { damaged: aside, generation: Number(kept?.generation ?? 0) || 0, ...(hint ? { hint } : {}) }
      }
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
