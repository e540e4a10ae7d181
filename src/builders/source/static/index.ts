import { TowError } from '../../../api/errors.ts'
import type { Language } from '../language.ts'
import { choose } from '../tools.ts'
import { findSite, serveCommand, siteFolders, wrapSite } from './site.ts'

const OLDEST_NODE = '>=18'

/** A folder with an index.html, served by a server of our own that runs on this machine's Node. */
export const staticSite: Language = {
  name: 'static',
  async plan(source, declaration, toolbox) {
    const folder = await findSite(source.app, siteFolders.source)
    if (folder === null) {
      if (declaration.builder !== 'static') return null
      throw new TowError('REFUSED', `There is no index.html in ${siteFolders.source.join(', ')}`)
    }
    const node = choose(await toolbox.versions('node'), {
      name: 'Node',
      file: 'The static file server',
      range: OLDEST_NODE,
      hint: 'Install Node 18 or newer',
    })
    return {
      because: `A static site: there is an index.html${folder === '.' ? '' : ` in ${folder}`}`,
      tools: {},
      dependencyKey: null,
      runtime: { name: 'node', version: node.version, range: OLDEST_NODE },
      folder: '.',
      processes: { web: serveCommand(folder, declaration.spa) },
    }
  },
  async build({ source, workspace, steps, declaration }) {
    if (declaration.command !== undefined) {
      throw new TowError(
        'REFUSED',
        'build.command needs a language to run it, and this is a plain static site',
        {
          hint: 'Add a package.json with a build script, or remove build.command from tow.yaml',
        },
      )
    }
    steps.say('Nothing to build: the files are served as they are')
    return {
      dependencies: null,
      app: await wrapSite(source.app, workspace.folder),
      env: {},
      dependencyComponents: async () => [],
    }
  },
}
