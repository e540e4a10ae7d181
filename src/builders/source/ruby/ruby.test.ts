import { execFile } from 'node:child_process'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  answerOf,
  buildFolder,
  declarationOf,
  realBuilder,
  temporaryFolder,
  treeOf,
  writeFiles,
} from '../test-support.ts'
import { createToolbox } from '../tools.ts'
import { lockedGems } from './project.ts'

const run = promisify(execFile)
const isHere = ['ruby', 'bundle'].every(
  (name) => createToolbox(process.env.PATH ?? '', {}).all(name).length > 0,
)

const LOCK = `GEM
  remote: https://rubygems.org/
  specs:
    greeting (1.0.0)

PLATFORMS
  ruby

DEPENDENCIES
  greeting

BUNDLED WITH
   2.3.15
`

const APP = `require 'socket'
require 'greeting'
server = TCPServer.new('0.0.0.0', ENV.fetch('PORT').to_i)
loop do
  client = server.accept
  client.gets
  client.write "HTTP/1.1 200 OK\\r\\nContent-Length: #{GREETING.length}\\r\\nConnection: close\\r\\n\\r\\n#{GREETING}"
  client.close
end
`

async function project(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  await writeFiles(folder, files)
  return folder
}

/** A repository whose only gem lies in vendor/cache, as \`bundle cache\` leaves it. */
async function vendored(): Promise<string> {
  const gem = await project({
    'greeting.gemspec': `Gem::Specification.new do |spec|
  spec.name = 'greeting'
  spec.version = '1.0.0'
  spec.summary = 'says hello'
  spec.authors = ['someone']
  spec.files = ['lib/greeting.rb', 'exe/greet']
  spec.bindir = 'exe'
  spec.executables = ['greet']
end
`,
    'lib/greeting.rb': "GREETING = 'hello from ruby'\n",
    'exe/greet': '#!/usr/bin/env ruby\nputs 1\n',
  })
  await run('gem', ['build', 'greeting.gemspec'], {
    cwd: gem,
    env: { ...process.env, SOURCE_DATE_EPOCH: '315532800' },
  })
  const folder = await project({
    Gemfile: "source 'https://rubygems.org'\ngem 'greeting'\n",
    'Gemfile.lock': LOCK,
    'app.rb': APP,
  })
  await mkdir(join(folder, 'vendor/cache'), { recursive: true })
  await rename(join(gem, 'greeting-1.0.0.gem'), join(folder, 'vendor/cache/greeting-1.0.0.gem'))
  return folder
}

describe('with Ruby and Bundler on this machine', () => {
  beforeEach(({ skip }) => skip(!isHere, 'Ruby and Bundler are not on this machine'))
  test('vendored gems are installed without a registry, run anywhere, and are kept for the next build', async () => {
    const folder = await vendored()
    const cache = await temporaryFolder()
    const first = await buildFolder(folder, { cache })
    expect(first.plan).toMatchObject({
      language: 'ruby',
      processes: { web: 'bundle exec ruby app.rb' },
      runtime: { name: 'ruby' },
    })
    expect(first.steps.map(({ name }) => name)).toEqual(['bundle install --local'])
    expect(await answerOf(first)).toBe('hello from ruby')
    expect(JSON.parse(first.result.sbom).components).toMatchObject([{ purl: 'pkg:gem/greeting@1.0.0' }])
    const second = await buildFolder(folder, { cache, dependencies: first.result.dependencies })
    expect(second.pids).toEqual([])
    expect(await answerOf(second)).toBe('hello from ruby')
    const again = await buildFolder(folder)
    expect(await treeOf(again.result.dependencies!)).toEqual(await treeOf(first.result.dependencies!))
  })

  test('a Ruby that is not here is named, with how to get it', async () => {
    const folder = await project({ Gemfile: "ruby '9.9.1'\n", 'Gemfile.lock': LOCK })
    await expect(realBuilder().plan({ context: folder, path: '.' }, declarationOf())).rejects.toMatchObject({
      message: expect.stringMatching(/^Gemfile needs Ruby 9\.9\.1, and this machine has \d/),
      hint: expect.stringContaining('rbenv install 9.9'),
    })
  })
})

test('a Gemfile without a lockfile is refused with the way out', async () => {
  const folder = await project({ Gemfile: '' })
  await expect(realBuilder().plan({ context: folder, path: '.' }, declarationOf())).rejects.toMatchObject({
    code: 'REFUSED',
    hint: expect.stringContaining('bundle lock'),
  })
})

test('a machine without Ruby is told so', async () => {
  const folder = await project({ Gemfile: '', 'Gemfile.lock': LOCK })
  await expect(
    realBuilder({ toolPath: '/nowhere' }).plan({ context: folder, path: '.' }, declarationOf()),
  ).rejects.toMatchObject({
    message: 'Gemfile needs Ruby, and no ruby was found on this machine',
  })
})

test('locked gems are those of the lockfile, not what they need', () => {
  const text =
    'GEM\n  specs:\n    rack (3.0.8)\n    sinatra (4.0.0)\n      rack (>= 3.0.0, < 4)\n\nDEPENDENCIES\n  sinatra\n'
  expect([...lockedGems(text)]).toEqual([
    ['rack', '3.0.8'],
    ['sinatra', '4.0.0'],
  ])
})
