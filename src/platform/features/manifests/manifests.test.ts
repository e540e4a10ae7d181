import { describe, expect, test } from 'vitest'
import { countsOf, isManifestPath, readManifests, runSpecOf } from './index.ts'

const FULL = `version: 1
apps:
  missions:
    path: services/missions
    context: .
    owner: field-team
    build: { builder: auto, command: npm run build, secrets: [NPM_TOKEN] }
    processes:
      web: { command: node dist/server.js, health: /healthz, count: 2, cpu: 250m, memory: 256Mi, surge: 25% }
      worker: node dist/worker.js
      release: { command: node dist/migrate.js }
    crons:
      nightly: { schedule: "0 3 * * *", timezone: America/Denver, command: node dist/nightly.js }
    needs: [reports, postgres]
    env:
      REGION: { default: eu }
      COLOR: blue
      API_KEY: { secret: true, required: true }
      SESSION_SECRET: { secret: true, generated: true }
    dev: { command: node --watch src/server.ts, ignore: [dist] }
  reports:
    path: ./services/reports/
environments:
  prod: { missions: { processes: { web: { count: 6 } } } }
`

const read = (files: Record<string, string>, more: string[] = [], folderName = 'demo') =>
  readManifests({ files, paths: [...Object.keys(files), ...more], folderName })

const SERVICES = ['services/missions/package.json', 'services/reports/package.json']

const plan = (processes: Record<string, string> = {}, folder = '.') => ({ processes, folder })

describe('tow.yaml', () => {
  test('says everything about every app of a repository', () => {
    const { apps, problems, notes } = read({ 'tow.yaml': FULL }, SERVICES)
    expect(problems).toEqual([])
    expect(notes).toEqual([])
    expect(apps[0]).toEqual({
      name: 'missions',
      path: 'services/missions',
      context: '.',
      owner: 'field-team',
      build: { builder: 'auto', command: 'npm run build', secrets: ['NPM_TOKEN'], startsItself: true },
      run: {
        processes: {
          web: {
            command: 'node dist/server.js',
            health: '/healthz',
            cpuMillis: 250,
            memoryMegabytes: 256,
            surgePercent: 25,
          },
          worker: { command: 'node dist/worker.js' },
        },
        releaseCommand: 'node dist/migrate.js',
        crons: {
          nightly: { schedule: '0 3 * * *', timezone: 'America/Denver', command: 'node dist/nightly.js' },
        },
        variables: {
          REGION: { required: false, secret: false, generated: false, default: 'eu' },
          COLOR: { required: false, secret: false, generated: false, default: 'blue' },
          API_KEY: { required: true, secret: true, generated: false },
          SESSION_SECRET: { required: false, secret: true, generated: true },
        },
        needs: ['reports', 'postgres'],
      },
      dev: { command: 'node --watch src/server.ts', ignore: ['dist'] },
      counts: { web: 2 },
      perEnvironment: { prod: { processes: { web: { count: 6 } } } },
      sources: ['tow.yaml'],
    })
    expect(apps[1]).toMatchObject({ name: 'reports', path: 'services/reports', context: 'services/reports' })
  })

  test('reports every mistake at once, each with line, column, value and what was meant', () => {
    const text = `version: 1
apps:
  web_App: {}
  shop:
    buidl: {}
    processes:
      web: { comand: node x, memory: lots, cpu: 0 }
      worker: [a]
    env:
      KEY: 8080
environments:
  prod: { shpo: { processes: {} } }
`
    expect(read({ 'tow.yaml': text }).problems).toEqual([
      {
        file: 'tow.yaml',
        line: 3,
        column: 3,
        message:
          'apps.web_App: names are lower-case letters, digits and single hyphens, and start with a letter',
      },
      {
        file: 'tow.yaml',
        line: 5,
        column: 5,
        message: 'buidl is not known in apps.shop',
        hint: 'Did you mean build?',
      },
      {
        file: 'tow.yaml',
        line: 7,
        column: 14,
        message: 'comand is not known in apps.shop.processes.web',
        hint: 'Did you mean command?',
      },
      {
        file: 'tow.yaml',
        line: 7,
        column: 38,
        message: 'apps.shop.processes.web.memory is "lots": memory is written like 256Mi or 1Gi',
      },
      {
        file: 'tow.yaml',
        line: 7,
        column: 49,
        message: 'apps.shop.processes.web.cpu is 0: cores are written like 250m, 0.5 or 2',
      },
      {
        file: 'tow.yaml',
        line: 8,
        column: 15,
        message: 'apps.shop.processes.worker is a list: a process is a command or a mapping',
      },
      {
        file: 'tow.yaml',
        line: 10,
        column: 12,
        message: 'apps.shop.env.KEY is a number: a variable is text or a mapping',
      },
    ])
  })

  test('names what only the whole file can tell: folders, crons, overrides, useless keys', () => {
    const text = `version: 1
apps:
  shop:
    path: services/mission
    processes:
      web: { command: a }
      worker: { command: b, health: /x }
      release: { command: c, cpu: 1 }
    crons:
      daily: { command: d, schedule: "61 * * * *" }
      other: { command: d, schedule: "1 * * * *", timezone: Mars/Base }
  above: { path: ../x }
  beside: { path: services/missions, context: services/reports }
environments:
  prod: { shpo: { processes: {} } }
`
    expect(
      read({ 'tow.yaml': text }, SERVICES).problems.map(({ line, message, hint }) => [line, message, hint]),
    ).toEqual([
      [
        4,
        'apps.shop.path is "services/mission", and there is no such folder; did you mean services/missions?',
        undefined,
      ],
      [
        7,
        'apps.shop.processes.worker.health has no effect: only web takes requests',
        'Remove it from worker',
      ],
      [
        8,
        'apps.shop.processes.release.cpu has no effect: release runs once per release',
        'Only command is known here',
      ],
      [
        10,
        'apps.shop.crons.daily.schedule is "61 * * * *": five fields are expected, e.g. "0 3 * * *"',
        undefined,
      ],
      [
        11,
        'apps.shop.crons.other.timezone is "Mars/Base": an IANA name such as Europe/Berlin is expected',
        undefined,
      ],
      [12, 'apps.above.path is "../x": it leads out of the repository', undefined],
      [
        13,
        `apps.beside.context is "services/reports": it must be the app's folder or one above it (services/missions)`,
        undefined,
      ],
      [15, 'environments.prod.shpo is no app of this file', 'Did you mean shop?'],
    ])
  })

  test.each([
    ['apps:\n  a:\n    path: [\n', 4, 'this is not valid YAML'],
    ['version: 1\napps:\n\ta: {}\n', 3, 'a tab cannot indent YAML: use spaces'],
    ['version: 1\nversion: 1\n', 2, 'this key stands here twice'],
    ['version: 1\napps: {}\n', 2, 'apps is a mapping: name at least one app'],
    ['version: 3\napps: { a: {} }\n', 1, 'version is 3: this Towpath reads version 1'],
    ['apps: { a: {} }\n', 1, 'version is missing: this Towpath reads version 1'],
    ['', 1, 'version is missing'],
    ['- a\n', 1, 'the file is a list: a mapping of keys to values is expected'],
    ['version: 1\napps: { a: {} }\n---\nversion: 1\n', 3, 'there is a second document'],
    ['version: 1\napps: { a: *gone }\n', 2, 'the alias *gone has no anchor before it'],
  ])('a broken file is told by its line: %j', (text, line, message) => {
    const { problems } = read({ 'tow.yaml': text })
    expect(problems[0]?.message).toContain(message)
    expect(problems[0]).toMatchObject({ file: 'tow.yaml', line })
  })

  test('a value under env is never repeated, it could be a secret', () => {
    const text = 'version: 1\napps: { a: { env: { KEY: { default: 12345, required: hunter2 } } } }\n'
    const told = JSON.stringify(read({ 'tow.yaml': text }).problems)
    expect(told).toContain('required')
    expect(told).not.toMatch(/12345|hunter2/)
  })

  test('an alias bomb is refused, not expanded', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
    for (let i = 1; i < 12; i += 1) lines.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`)}]`)
    expect(read({ 'tow.yaml': lines.join('\n') }).problems[0]?.message).toContain('this cannot be read')
  })
})

describe('Procfile', () => {
  test('means what Heroku documents: processes, release, comments and blank lines', () => {
    const text =
      '# how it runs\nweb: bundle exec puma -p $PORT\r\n\n  worker:  rake jobs:work  \nrelease: ./migrate\n'
    const { apps, problems } = read({ Procfile: text })
    expect(problems).toEqual([])
    expect(apps[0]?.run).toMatchObject({
      processes: { web: { command: 'bundle exec puma -p $PORT' }, worker: { command: 'rake jobs:work' } },
      releaseCommand: './migrate',
    })
    expect(apps[0]?.sources).toEqual(['Procfile'])
  })

  test('names malformed lines by line and column', () => {
    const { problems } = read({ Procfile: 'web node x\nworker:\n  a: b\na: c\n' })
    expect(problems).toEqual([
      {
        file: 'Procfile',
        line: 1,
        column: 1,
        message: '"web node x" is not "<name>: <command>"',
        hint: 'For example: web: node server.js',
      },
      { file: 'Procfile', line: 2, column: 8, message: 'worker has no command' },
      { file: 'Procfile', line: 4, column: 1, message: 'a stands here twice, first in line 3' },
    ])
  })

  test('a name that Heroku allows and we do not is changed, and said', () => {
    const { apps, notes, problems } = read({ Procfile: 'celery_Beat: celery beat\n' })
    expect(problems).toEqual([])
    expect(Object.keys(apps[0]!.run.processes)).toEqual(['celery-beat'])
    expect(notes[0]).toMatchObject({ line: 1, message: 'the process celery_Beat is called celery-beat here' })
  })
})

describe('app.json', () => {
  test('means what Heroku documents; what has no effect is said, not refused', () => {
    const text = JSON.stringify(
      {
        name: 'Small Sharp Tool',
        scripts: { postdeploy: 'rake bootstrap' },
        env: {
          SECRET_TOKEN: { description: 'signs cookies', generator: 'secret' },
          WEB_CONCURRENCY: { value: '5', required: false },
          API_KEY: {},
          PLAIN: 'x',
        },
        formation: { web: { quantity: 2, size: 'standard-1x' } },
        addons: ['heroku-postgresql:mini', 'openredis'],
        buildpacks: [{ url: 'heroku/ruby' }],
        environments: { test: {} },
        cron: [{ command: 'rake tidy', schedule: '0 1 * * *' }],
        healthchecks: { web: [{ type: 'startup', path: '/up' }] },
        expo: {},
      },
      null,
      2,
    )
    const { apps, problems, notes } = read({ 'app.json': text })
    expect(problems).toEqual([])
    expect(apps[0]).toMatchObject({
      name: 'small-sharp-tool',
      run: {
        processes: { web: { health: '/up' } },
        crons: { 'cron-1': { command: 'rake tidy', schedule: '0 1 * * *', timezone: 'UTC' } },
        variables: {
          SECRET_TOKEN: { required: true, secret: true, generated: true, description: 'signs cookies' },
          WEB_CONCURRENCY: { required: false, default: '5' },
          API_KEY: { required: true, generated: false },
          PLAIN: { default: 'x' },
        },
        needs: ['postgres'],
      },
      counts: { web: 2 },
    })
    expect(notes.map(({ line, message }) => `${line} ${message.split(':')[0]}`)).toEqual([
      '28 buildpacks has no effect',
      '33 environments has no effect',
      '50 expo has no effect',
      '21 the size of web has no effect',
      '4 scripts.postdeploy is not run',
      '26 the add-on openredis is not run here',
    ])
  })

  test.each([
    ['{\n  "name": "x",\n}', 3, 1, 'this is not valid JSON: a key in double quotes is expected, not "}"'],
    ['{"a": 1', 1, 8, 'this is not valid JSON: "," or "}" is expected, not the end of the file'],
    ["{\n\t'a': 1}", 2, 2, 'a key in double quotes is expected'],
    ['{"a": tru}', 1, 7, 'a value is expected, not "t"'],
    ['{"env": {}, "env": {}}', 1, 13, 'the key "env" stands here twice'],
    ['', 1, 1, 'a value is expected, not the end of the file'],
    ['[]', 1, 1, 'the file is a list: a mapping of keys to values is expected'],
    [
      '{\n "env": { "KEY": { "value": 5 } } }',
      2,
      29,
      'env.KEY.value is a number: a value is text: write it in quotes',
    ],
    [
      '{\n "formation": { "web": { "quantity": "2" } } }',
      2,
      38,
      'formation.web.quantity is "2": a quantity is a whole number',
    ],
    [
      '{\n "cron": [{ "command": "x", "schedule": "daily" }] }',
      2,
      41,
      'cron.0.schedule is "daily": five fields',
    ],
  ])('a mistake is told by line and column: %j', (text, line, column, message) => {
    const { problems } = read({ 'app.json': text })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ file: 'app.json', line, column })
    expect(problems[0]?.message).toContain(message)
  })
})

describe('one app out of several files', () => {
  test('tow.yaml wins over Procfile, Procfile over app.json, key by key', () => {
    const { apps } = read({
      'tow.yaml':
        'version: 1\napps: { shop: { processes: { web: { count: 3, memory: 1Gi } }, env: { A: yaml } } }\n',
      Procfile: 'web: from-procfile\nworker: w\n',
      'app.json':
        '{"env": {"A": "json", "B": "json"}, "formation": {"web": {"quantity": 9}, "worker": {"quantity": 4}}}',
    })
    expect(apps[0]).toMatchObject({
      name: 'shop',
      run: {
        processes: { web: { command: 'from-procfile', memoryMegabytes: 1024 }, worker: { command: 'w' } },
        variables: { A: { default: 'yaml' }, B: { default: 'json' } },
      },
      counts: { web: 3, worker: 4 },
      sources: ['tow.yaml', 'Procfile', 'app.json'],
    })
  })

  test('the Procfile of an app lies in its own folder', () => {
    const { apps } = read({
      'tow.yaml': 'version: 1\napps: { a: { path: one }, b: { path: two } }\n',
      'one/Procfile': 'web: one\n',
      'two/Procfile': 'web: two\n',
      Procfile: 'web: root\n',
    })
    expect(apps.map(({ run }) => run.processes.web?.command)).toEqual(['one', 'two'])
  })

  test.each([
    ['My Shop!', 'my-shop'],
    ['2048', 'app-2048'],
    ['constructor', 'app-constructor'],
    ['Ünïcode', 'unicode'],
    ['---', 'app'],
    ['a-very-long-folder-name-indeed', 'a-very-long-folder-name'],
  ])('without any file the folder is the app: %s', (folderName, name) => {
    expect(read({}, ['index.html'], folderName).apps).toMatchObject([
      { name, path: '.', context: '.', sources: [] },
    ])
  })

  test('only the files that matter are asked for', () => {
    const paths = [
      'tow.yaml',
      'tow.yml',
      'Procfile',
      'a/Procfile',
      'a/app.json',
      'a/tow.yaml',
      'package.json',
      'myapp.json',
    ]
    expect(paths.filter(isManifestPath)).toEqual([
      'tow.yaml',
      'tow.yml',
      'Procfile',
      'a/Procfile',
      'a/app.json',
    ])
  })
})

describe('what a release runs', () => {
  const appOf = (files: Record<string, string>) => read(files).apps[0]!

  test('the language says how to start what no file says', () => {
    const run = runSpecOf(appOf({}), plan({ web: 'npm start' }))
    expect(run.processes).toEqual({
      web: { command: 'npm start', bootSeconds: 60, graceSeconds: 30, surgePercent: 25 },
    })
  })

  test('a declared process without a command takes the one of the language', () => {
    const app = appOf({ 'tow.yaml': 'version: 1\napps: { a: { processes: { web: { health: /up } } } }\n' })
    expect(runSpecOf(app, plan({ web: 'npm start' })).processes.web).toMatchObject({
      command: 'npm start',
      health: '/up',
    })
    expect(app.build.startsItself).toBe(false)
  })

  test('an app that declares only a worker gets no web of the language', () => {
    const run = runSpecOf(appOf({ Procfile: 'worker: w\n' }), plan({ web: 'npm start', release: 'r' }))
    expect(Object.keys(run.processes)).toEqual(['worker'])
    expect(appOf({ Procfile: 'worker: w\n' }).build.startsItself).toBe(true)
    expect(run.releaseCommand).toBeUndefined()
  })

  test('nothing to start is refused with the way out', () => {
    expect(() => runSpecOf(appOf({}), plan())).toThrow('demo: nothing says how to start it')
    const app = appOf({ 'tow.yaml': 'version: 1\napps: { a: { processes: { worker: { count: 2 } } } }\n' })
    expect(() => runSpecOf(app, plan())).toThrow('a: the process worker has no command')
  })

  test('inside a workspace everything starts in the folder of the app', () => {
    const run = runSpecOf(
      appOf({ Procfile: 'web: node x.js\nrelease: node m.js\n' }),
      plan({}, "packages/it's"),
    )
    expect(run.processes.web?.command).toBe("cd 'packages/it'\\''s' && node x.js")
    expect(run.releaseCommand).toBe("cd 'packages/it'\\''s' && node m.js")
  })

  test('counts come from the environment, then the app, else one', () => {
    const { apps } = read({ 'tow.yaml': FULL }, SERVICES)
    const run = runSpecOf(apps[0]!, plan())
    expect(countsOf(apps[0]!, run, 'prod')).toEqual({ web: 6, worker: 1 })
    expect(countsOf(apps[0]!, run, 'stage')).toEqual({ web: 2, worker: 1 })
  })
})
