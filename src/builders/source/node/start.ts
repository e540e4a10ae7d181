import { join } from 'node:path'
import { exists } from '../files.ts'
import type { PackageJson } from './project.ts'

/** Servers for development only: an app whose start script is one of these is a site to be built and served as files. */
const DEVELOPMENT_SERVER =
  /^(npx\s+)?(react-scripts start|vite(\s+(dev|serve))?(\s+--\S+)*$|vue-cli-service serve|ng serve|parcel(\s|$)(?!build)|webpack(-dev-server| serve)|astro dev|gatsby develop|eleventy --serve|snowpack dev)/

/**
 * How an app with a package.json starts: its start script, its main file, or server.js as npm has it. Null where it
 * does not start by itself.
 */
export async function startCommand(
  json: PackageJson,
  folder: string,
  builds: boolean,
): Promise<string | null> {
  const scripts = json.scripts ?? {}
  const start = scripts.start?.trim()
  if (start && !DEVELOPMENT_SERVER.test(start)) {
    // npm in between costs a second process and half a second; it is needed where npm itself does something.
    const needsNpm = scripts.prestart || scripts.poststart || /npm_(package|config|lifecycle)_/.test(start)
    return needsNpm ? 'npm start' : start
  }
  if (start) return null
  const main = json.main?.replace(/^\.\//, '')
  for (const file of main ? [main, `${main}.js`, `${main}/index.js`] : []) {
    if (/\.[cm]?[jt]s$/.test(file) && (await exists(join(folder, file)))) return `node ${quoted(file)}`
  }
  for (const file of ['server.js', 'server.mjs', 'server.cjs', 'server.ts']) {
    if (await exists(join(folder, file))) return `node ${file}`
  }
  if (main && builds && /\.[cm]?js$/.test(main)) return `node ${quoted(main)}`
  for (const file of ['index.js', 'app.js', 'main.js', 'index.mjs', 'index.ts']) {
    if (!builds && (await exists(join(folder, file)))) return `node ${file}`
  }
  return null
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

export interface BuildScripts {
  /** Lifecycle scripts of the app itself that an install would have run, in their order. */
  hooks: string[]
  /** The script that builds, or null. */
  build: string | null
}

/** Only about Git hooks of developers; there is no repository in a build. */
const GIT_HOOKS = /^(npx\s+)?(husky|lefthook|simple-git-hooks|is-ci|pre-commit|node \.husky)\b/

/** Which scripts of a package.json are run by a build. `heroku-postbuild` wins over `build`, as on Heroku. */
export function buildScripts({ scripts = {} }: PackageJson): BuildScripts {
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].filter(
    (name) => scripts[name] && !GIT_HOOKS.test(scripts[name]),
  )
  const build = ['heroku-postbuild', 'build'].find((name) => scripts[name]) ?? null
  return { hooks, build }
}
