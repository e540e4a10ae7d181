/** What a feature hands to the platform; main.ts wires them, platform.ts starts them in order and stops them in reverse. */
import type { FastifyInstance } from 'fastify'
import type { BackupPart } from './backup.ts'
import type { Migration } from './migrations.ts'

export interface Feature<Routes = unknown> {
  name: string
  migrations: readonly Migration[]
  /** Implemented operations by their place in the contract, e.g. `{ releases: { list, get } }`. */
  routes: Routes
  /** Doors that JSON is no place for: blobs, terminals, Git. Mounted under `/api`, behind the same guard. */
  mount?(server: FastifyInstance): void
  /** The same outside `/api`, for what people see the address of. */
  page?(server: FastifyInstance): void
  /** What it keeps outside the database. */
  backup?: BackupPart
  start?(): Promise<void>
  stop?(): Promise<void>
}
