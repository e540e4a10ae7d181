import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyFolder, exists } from '../files.ts'

/** Where a site lies, the first with an index.html wins. */
export const siteFolders = {
  source: ['.', 'public', 'dist', 'site', '_site', 'docs', 'www'],
  built: ['dist', 'build', 'out', '_site', 'public', '.output/public', 'dist/browser', '.'],
}

/** The server's place in the artifact; hidden files are never served. */
const SERVER = '.tow/static-server.mjs'

/** The folder of the site in an app, or null. */
export async function findSite(app: string, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) if (await exists(join(app, folder, 'index.html'))) return folder
  return null
}

/** How the site in a folder of the artifact is served. */
export function serveCommand(folder: string, spa: boolean | undefined): string {
  return `node ${SERVER}${spa ? ' --spa' : ''}${folder === '.' ? '' : ` ${folder}`}`
}

/** The artifact's folder: the site with the server beside it. */
export async function wrapSite(site: string, workspaceFolder: string): Promise<string> {
  const folder = join(workspaceFolder, 'site')
  await copyFolder(site, folder, {
    hardLinks: true,
    skip: (path) => path === '.tow' || path === 'node_modules' || path === '.git',
  })
  await mkdir(join(folder, '.tow'), { recursive: true })
  await copyFile(fileURLToPath(new URL('./static-server.mjs', import.meta.url)), join(folder, SERVER))
  return folder
}
