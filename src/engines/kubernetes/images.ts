/** Where the image of an artifact comes from. What is behind it knows registries; the engine knows references. */
import type { Artifact } from '../../api/app-spec.ts'
import type { AdoptedImage, AskedImage, Check, Problem, Target } from '../engine.ts'
import type { Program } from './programs.ts'

export interface ImageSource {
  /**
   * The reference that the nodes pull, pinned to a digest; sends what is missing. Idempotent. `named` is told it before
   * anything is sent, where it has to be.
   */
  reference(artifact: Artifact, target: Target, named?: (reference: string) => void): Promise<string>
  /** The same for a program of our own that runs beside apps. */
  program(program: Program): Promise<string>
  /** Null where the artifact fits the base image that it would stand on. */
  refuses(artifact: Artifact): Promise<Problem | null>
  /** An image that was made elsewhere: found, pinned and judged. */
  adopt(asked: AskedImage): Promise<AdoptedImage>
  /** Language runtimes that are offered. */
  runtimes(): Promise<{ name: string; version: string }[]>
  check(): Promise<Check[]>
}
