/** Branches that were pushed: which there are, and the newest commit of one as a tree that can be shipped. */
import type { Origin } from '../../../api/app-spec.ts'
import type { PushedBranch } from '../../../api/git.ts'
import { mustGit } from '../../../trees/git.ts'
import { listCommit, readObjects } from '../../../trees/git-objects.ts'
import { isManifestPath, readManifests } from '../manifests/index.ts'
import type { Ships } from '../ships/index.ts'
import {
  commitOf,
  describeCommit,
  folderNameOf,
  originOf,
  type TakeDependencies,
  takeTree,
} from './commit.ts'
import { refusals } from './messages.ts'
import type { Repositories } from './repositories.ts'

/** Far more than anybody writes by hand. */
const MOST_MANIFEST_BYTES = 1024 ** 2
const AT_ONCE = 4

export interface Branches {
  list(input: { app?: string | undefined; limit: number }): Promise<PushedBranch[]>
  take(input: { repository: string; branch: string }): Promise<{
    tree: string
    folderName: string
    origin: Origin
    apps: string[]
    leftOut: string[]
  }>
}

export function createBranches(
  dependencies: TakeDependencies & { ships: Pick<Ships, 'declared'> },
): Branches {
  const { repositories, ships } = dependencies
  const declares = rememberDeclared(repositories)

  /** Newest first. What a repository is about is what its main says, else its newest branch. */
  async function branchesOf(
    repository: string,
    { app, limit }: { app?: string | undefined; limit: number },
  ): Promise<PushedBranch[]> {
    const path = repositories.pathOf(repository)
    const format = ['refname:lstrip=2', 'objectname', 'committerdate:unix', 'authorname', 'subject']
    const asked = ['for-each-ref', '--sort=-committerdate', `--count=${limit}`]
    const printed = await mustGit(path, [
      ...asked,
      `--format=${format.map((field) => `%(${field})`).join('%00')}`,
      'refs/heads',
    ])
    const branches = printed
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line): PushedBranch => {
        const [branch = '', commit = '', seconds, author = '', subject = ''] = line.split('\0')
        const committedAt = new Date(Number(seconds) * 1000).toISOString()
        return { repository, branch, commit, subject, author, committedAt }
      })
    const told = (await repositories.main(repository)) ?? branches[0]?.commit
    if (app !== undefined && (told === undefined || !(await declares(repository, told)).includes(app)))
      return []
    return branches
  }

  return {
    async list(input) {
      const waiting = await repositories.names()
      const found: PushedBranch[] = []
      const work = async () => {
        for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
          found.push(...(await branchesOf(name, input)))
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      return found
        .sort((one, other) => Date.parse(other.committedAt) - Date.parse(one.committedAt))
        .slice(0, input.limit)
    },
    async take({ repository, branch }) {
      if (!repositories.exists(repository)) throw refusals.unknown(repository)
      const path = repositories.pathOf(repository)
      const commit = await commitOf(path, branch)
      if (commit === null) throw refusals.noBranch(branch, repository)
      const [folder, described] = await Promise.all([
        repositories.folderOf(repository),
        describeCommit(path, commit),
      ])
      const folderName = folderNameOf(repository, folder)
      const { tree, leftOut } = await takeTree(dependencies, { repository, path, commit, folder })
      const apps = (await ships.declared(tree.hash, folderName)).map(({ name }) => name)
      return { tree: tree.hash, folderName, origin: originOf(described, branch), apps, leftOut }
    },
  }
}

/** Which apps a commit declares; the last answer of each repository is kept. */
function rememberDeclared(repositories: Repositories) {
  const known = new Map<string, { commit: string; apps: readonly string[] }>()
  return async (repository: string, commit: string): Promise<readonly string[]> => {
    const before = known.get(repository)
    if (before?.commit === commit) return before.apps
    const apps = await declaredAt(repositories, repository, commit)
    known.set(repository, { commit, apps })
    return apps
  }
}

async function declaredAt(repositories: Repositories, repository: string, commit: string): Promise<string[]> {
  const path = repositories.pathOf(repository)
  const folder = await repositories.folderOf(repository)
  // A folder that this commit does not have declares nothing.
  const listed = await listCommit(path, commit, folder).catch(() => null)
  if (!listed) return []
  const manifests = listed.files.filter(
    ({ path: name, mode, size }) => isManifestPath(name) && mode !== 'link' && size <= MOST_MANIFEST_BYTES,
  )
  const files: Record<string, string> = {}
  for await (const { file, content } of readObjects(path, manifests)) {
    const chunks: Uint8Array[] = []
    if (content instanceof Uint8Array) chunks.push(content)
    else for await (const chunk of content) chunks.push(chunk)
    files[file.path] = Buffer.concat(chunks).toString()
  }
  const paths = listed.files.map((file) => file.path)
  const { apps } = readManifests({ files, paths, folderName: folderNameOf(repository, folder) })
  return apps.map(({ name }) => name)
}
