import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { copyFolder, exists, readText, walk } from '../files.ts'
import { keyOf, type Language, type Source, type Work } from '../language.ts'
import { choose, type Tool, type Toolbox } from '../tools.ts'
import { type RubyProject, readRubyProject, rubyComponents } from './project.ts'

/** What gems are installed from, beside local gems: the files that Bundler reads. */
const INPUTS = /^(Gemfile(\.lock)?|\.ruby-version|vendor\/cache(\/.*)?|[^/]+\.gemspec|(.+\/)?version\.rb)$/

/** Ruby apps by Gemfile; gems in vendor/bundle, found through Bundler's own variables. */
export const ruby: Language = {
  name: 'ruby',
  async plan(source, _declaration, toolbox) {
    const project = await readRubyProject(source.app)
    if (!project) return null
    if (project.lockfile === null) {
      throw new TowError(
        'REFUSED',
        'There is a Gemfile without a Gemfile.lock: nothing says which versions belong to the app',
        {
          hint: 'Run bundle lock, and commit Gemfile.lock',
        },
      )
    }
    const { tool, bundler } = await rubyTools(project, toolbox)
    const web = await startCommand(source.app, project)
    const inputs = await inputsOf(source, project)
    return {
      because: 'A Ruby app: there is a Gemfile',
      tools: { ruby: tool.version, bundler: bundler.version },
      dependencyKey: keyOf({
        layout: 1,
        inputs,
        ruby: tool.version,
        bundler: bundler.version,
        machine: [process.platform, process.arch],
      }),
      dependencyParts: Object.fromEntries(inputs),
      runtime: {
        name: 'ruby',
        version: tool.version,
        range: `${tool.version.split('.').slice(0, 2).join('.')}.x`,
      },
      folder: '.',
      processes: web === null ? {} : { web },
    }
  },
  async build(work) {
    const { source, toolbox, workspace, steps } = work
    const project = (await readRubyProject(source.app))!
    const { tool, bundler } = await rubyTools(project, toolbox)
    if (workspace.dependencies !== null) steps.reused('bundle install', 'Gemfile.lock has not changed')
    const dependencies = workspace.dependencies ?? (await bundleInstall(work, project, bundler))
    return {
      dependencies,
      app: await appFolder(work, project, tool, dependencies),
      env: environmentIn('$WORKSPACE', '$WORKSPACE'),
      dependencyComponents: async () => rubyComponents(project.gems),
    }
  },
}

async function rubyTools(
  { ruby: wanted }: RubyProject,
  toolbox: Toolbox,
): Promise<{ tool: Tool; bundler: Tool }> {
  const minor = /\d+\.\d+/.exec(wanted.range ?? '')?.[0] ?? '3'
  const tool = choose(await toolbox.versions('ruby'), {
    name: 'Ruby',
    ...wanted,
    hint: `Install Ruby ${minor}: apt-get install ruby ruby-dev, brew install ruby, or rbenv install ${minor}`,
  })
  const bundler = choose(await toolbox.versions('bundle'), {
    name: 'Bundler',
    file: 'Gemfile',
    range: null,
    hint: 'Install it: gem install bundler',
  })
  return { tool, bundler }
}

/** Where Bundler finds the gems below `root` for the app in `app`; nothing is written into a config file. */
function environmentIn(root: string, app: string): Record<string, string> {
  return {
    BUNDLE_GEMFILE: `${app}/Gemfile`,
    BUNDLE_PATH: `${root}/vendor/bundle`,
    BUNDLE_FROZEN: 'true',
    BUNDLE_WITHOUT: 'development:test',
    RACK_ENV: 'production',
    RAILS_ENV: 'production',
    RAILS_LOG_TO_STDOUT: 'enabled',
    RAILS_SERVE_STATIC_FILES: 'enabled',
    ...(root === '$WORKSPACE' && { PATH: '$WORKSPACE/bin:$PATH' }),
  }
}

async function inputsOf(source: Source, project: RubyProject): Promise<[string, string][]> {
  const inputs: [string, string][] = []
  for (const { path, kind } of await walk(source.app, (one) =>
    /(^|\/)(\.git|node_modules|bundle)$/.test(one),
  )) {
    if (kind !== 'file' || !(INPUTS.test(path) || (project.hasLocalGems && path.endsWith('.gemspec'))))
      continue
    inputs.push([path, keyOf((await readFile(join(source.app, path))).toString('base64'))])
  }
  return inputs
}

async function bundleInstall(
  { source, workspace, steps }: Work,
  project: RubyProject,
  bundler: Tool,
): Promise<string> {
  const scratch = join(workspace.folder, 'install')
  const app = join(scratch, source.path)
  // Gems of a folder may lie anywhere in the context, and name any of their files in their gemspec.
  if (project.hasLocalGems) await copyFolder(source.context, scratch)
  else {
    for (const [path] of await inputsOf(source, project)) {
      await mkdir(dirname(join(app, path)), { recursive: true })
      await writeFile(join(app, path), await readFile(join(source.app, path)))
    }
  }
  const isVendored = await exists(join(app, 'vendor', 'cache'))
  const bundle = join(scratch, 'bundle')
  await steps.run({
    name: `bundle install${isVendored ? ' --local' : ''}`,
    command: [bundler.file, 'install', '--jobs', '2', ...(isVendored ? ['--local'] : [])],
    folder: app,
    because: workspace.installs,
    env: {
      ...environmentIn(scratch, app),
      BUNDLE_PATH: bundle,
      BUNDLE_APP_CONFIG: join(workspace.folder, 'bundle-config'),
      BUNDLE_USER_CACHE: join(workspace.cache, 'bundler'),
      BUNDLE_SILENCE_ROOT_WARNING: 'true',
      SOURCE_DATE_EPOCH: '315532800',
    },
  })
  const target = join(workspace.folder, 'dependencies')
  await mkdir(join(target, 'vendor'), { recursive: true })
  await settle(bundle)
  await rename(bundle, join(target, 'vendor', 'bundle'))
  return target
}

/** Takes out downloads, logs of compilers, and the build machine's Ruby from scripts. */
async function settle(bundle: string): Promise<void> {
  await mkdir(bundle, { recursive: true })
  for (const { path, kind } of await walk(bundle)) {
    const file = join(bundle, path)
    if (kind === 'folder' && /^ruby\/[^/]+\/(cache|doc|build_info)$/.test(path))
      await rm(file, { recursive: true, force: true })
    if (kind !== 'file' || !(await exists(file))) continue
    if (/\/(gem_make\.out|mkmf\.log)$/.test(path)) await rm(file)
    else if (/^ruby\/[^/]+\/bin\/[^/]+$/.test(path)) {
      const text = await readFile(file, 'utf8')
      await writeFile(file, text.replace(/^#!.*ruby.*\n/, '#!/usr/bin/env ruby\n'))
      await chmod(file, 0o755)
    }
  }
}

/** The source as it is, or a copy in which the build step ran: the app's own, or Rails' assets. */
async function appFolder(
  { source, declaration, workspace, steps }: Work,
  project: RubyProject,
  tool: Tool,
  dependencies: string,
): Promise<string> {
  const hasAssets =
    ['sprockets', 'propshaft'].some((gem) => project.gems.has(gem)) &&
    (await exists(join(source.app, 'app', 'assets')))
  const command = declaration.command ?? (hasAssets ? 'bundle exec rake assets:precompile' : null)
  if (command === null) return source.app
  const copy = join(workspace.folder, 'app')
  await copyFolder(source.context, copy)
  const app = join(copy, source.path)
  await steps.run({
    name: command,
    command,
    folder: app,
    path: [dirname(tool.file)],
    env: {
      ...environmentIn(dependencies, app),
      BUNDLE_APP_CONFIG: join(workspace.folder, 'bundle-config'),
      SECRET_KEY_BASE_DUMMY: '1',
    },
    secrets: workspace.secrets,
  })
  for (const leftover of ['tmp/cache', 'log']) await rm(join(app, leftover), { recursive: true, force: true })
  return app
}

/** How a Ruby app is served on $PORT: Rails, a rackup file, or a program of its own; null where nothing tells. */
async function startCommand(app: string, { gems }: RubyProject): Promise<string | null> {
  const has = (file: string) => exists(join(app, file))
  if (gems.has('puma') && (await has('config/puma.rb'))) return 'bundle exec puma -C config/puma.rb -p $PORT'
  if (gems.has('rails') && (await has('config/application.rb')))
    return 'bundle exec rails server -b 0.0.0.0 -p $PORT'
  if (await has('config.ru')) {
    return gems.has('puma')
      ? 'bundle exec puma -b tcp://0.0.0.0:$PORT'
      : 'bundle exec rackup config.ru -o 0.0.0.0 -p $PORT'
  }
  for (const file of ['app.rb', 'server.rb', 'main.rb', 'web.rb']) {
    const text = await readText(join(app, file))
    if (text === null) continue
    return /require ['"]sinatra['"]/.test(text)
      ? `bundle exec ruby ${file} -o 0.0.0.0 -p $PORT`
      : `bundle exec ruby ${file}`
  }
  return null
}
