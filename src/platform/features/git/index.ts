/**
 * `git push tow main`: one bare repository for each folder that was shipped, the real `git http-backend` in front of
 * it, and a delivery in between. It decides which apps a commit changes; how they are built, released and rolled out
 * is the business of deliveries. Any other branch is kept, and becomes a tree when somebody ships it. What is live is never read from here: main may only follow it.
 */
import { join, posix } from 'node:path'
import type { Actor } from '../../kernel/actor.ts'
import type { Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { toName } from '../manifests/index.ts'
import { repositoriesPart, sweepBackups } from './backup.ts'
import { createBranches } from './branches.ts'
import { createDoor } from './door.ts'
import { writeHooks } from './hook.ts'
import { refusals } from './messages.ts'
import type { PushDependencies } from './push.ts'
import { createQueue } from './queue.ts'
import { createRepositories } from './repositories.ts'
import { gitRoutes } from './routes.ts'

export interface GitOptions extends Omit<PushDependencies, 'repositories' | 'queue'> {
  database: Database
  /** Holds the repositories. */
  folder: string
}

export interface Git {
  /** The repository of a folder, made where there is none. */
  connect(
    actor: Actor,
    input: { folderName: string; folder: string },
  ): Promise<{ name: string; path: string }>
}

export function createGit(options: GitOptions): Feature<ReturnType<typeof gitRoutes>> & Git {
  const { database } = options
  const repositories = createRepositories(options.folder)
  const hooks = join(options.folder, 'hooks')
  const door = createDoor({ ...options, repositories, queue: createQueue(), hooks })

  const git: Git = {
    async connect(actor, { folderName, folder }) {
      const inside = checkFolder(folder)
      const { name, isNew } = await repositories.connect(toName(folderName), inside)
      const connected = { name, path: `/git/${name}.git` }
      return database.change(actor, async (change) => {
        if (isNew) {
          change.event({
            kind: 'repository.created',
            message: `${actor.name} made the Git repository ${name}`,
            facts: { repository: name, folder: inside },
          })
        }
        return connected
      })
    },
  }

  return {
    name: 'git',
    migrations: [],
    routes: gitRoutes(git, createBranches({ ...options, repositories })),
    ...git,
    page: door.mount,
    backup: repositoriesPart(repositories),
    async start() {
      await writeHooks(hooks)
      await sweepBackups(options.folder)
      for (const name of await repositories.names()) await repositories.sweep(name)
    },
    stop: door.close,
  }
}

function checkFolder(folder: string): string {
  const inside = posix.normalize(folder).replace(/\/$/, '')
  const isOutside = posix.isAbsolute(inside) || inside === '..' || inside.startsWith('../')
  if (isOutside || /\p{Cc}/u.test(inside)) throw refusals.noFolders(folder)
  return inside
}
