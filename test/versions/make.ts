/**
 * Makes what test/versions.test.ts reads: the data of a platform of this version, as a real one wrote it, and the list
 * of its migrations, which are published with it and never change again. Run once for every version, at its release:
 * node test/versions/make.ts
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../src/api/version.ts'
import { readBackup, type SourcePart, writeBackup } from '../../src/backups/file.ts'
import { assemble } from '../../src/platform/assemble.ts'
import { openDatabase } from '../../src/platform/kernel/database.ts'
import { modelPlatform } from '../platform.ts'
import { newPerson } from '../tow.ts'

/** The same in the test that reads it: it protects nothing. */
const PASSPHRASE = 'published on purpose'
const here = fileURLToPath(new URL('.', import.meta.url))
/** The files of a whole database server: large, and not ours to migrate. */
const LEFT_OUT = 'databases of apps'
/** scrypt's cost. */
const CHEAP = 4

const ann = await newPerson()
const app = join(ann.folder, 'hello')

async function tow(...args: string[]): Promise<void> {
  const { exit, stderr } = await ann.tow(args, { cwd: app, env: { TOW_BACKUP_PASSPHRASE: PASSPHRASE } })
  process.stderr.write(`tow ${args.join(' ')}: ${exit}\n${stderr}\n`)
}

/** `state`: how it does when it is started. */
async function write(version: number, state: 'good' | 'broken' | 'slow'): Promise<void> {
  const listen =
    "require('node:http').createServer((_, answer) => answer.end('hello')).listen(process.env.PORT)"
  const code = { good: listen, broken: 'process.exit(1)', slow: 'setInterval(() => {}, 1000)' }
  await writeFile(join(app, 'server.js'), `// ${version}\n${code[state]}\n`)
}

try {
  await mkdir(app)
  await writeFile(join(app, 'package.json'), '{"name":"hello","scripts":{"start":"node server.js"}}')
  await writeFile(
    join(app, 'tow.yaml'),
    `version: 1
apps:
  hello:
    owner: field-team
    needs: [postgres]
    processes: { web: { command: node server.js, bootSeconds: 600 } }
    crons: { nightly: { schedule: "0 3 * * *", command: node --version } }
    env:
      SESSION_SECRET: { secret: true, generated: true }
      REGION: { default: eu }
`,
  )
  await write(1, 'good')
  await tow('ship')
  await tow('config', 'set', 'GREETING=hello')
  await tow('config', 'set', '--secret', 'API_KEY=published-on-purpose')
  await tow('env', 'add', 'qa')
  await tow('promote')
  await tow('run', 'node', '--version')
  await write(2, 'good')
  await tow('ship')
  await tow('rollback')
  await write(3, 'slow')
  await tow('ship', '--detach')
  await new Promise((resolve) => setTimeout(resolve, 5000))
  const file = join(ann.folder, 'whole.tow')
  await tow('backup', file)
  await writeFile(join(here, `${VERSION}.tow`), await withoutDatabases(file))
  // It is never connected to: what is asked for is only the list.
  const database = openDatabase({ connection: {} })
  const { migrations } = await assemble(modelPlatform({ home: ann.folder, database }))
  const published = Object.fromEntries(
    migrations.map(({ name, sql }) => [name, createHash('sha256').update(sql).digest('hex')]),
  )
  await writeFile(join(here, 'published.json'), `${JSON.stringify(published, null, 2)}\n`)
} finally {
  await ann.leave()
}

async function withoutDatabases(file: string): Promise<Buffer> {
  const kept = new Map<string, { name: string; content: Buffer[] }[]>()
  const manifest = await readBackup(createReadStream(file), {
    ...{ name: file, version: VERSION, passphrase: PASSPHRASE },
    async take(part, name, content) {
      if (part === LEFT_OUT) return
      const chunks: Buffer[] = []
      for await (const chunk of content) chunks.push(Buffer.from(chunk))
      kept.set(part, [...(kept.get(part) ?? []), { name, content: chunks }])
    },
  })
  async function* parts(): AsyncGenerator<SourcePart> {
    for (const { name, about } of manifest.parts) {
      if (name === LEFT_OUT) continue
      yield {
        name,
        async *files() {
          yield* kept.get(name) ?? []
        },
        about: () => about,
      }
    }
  }
  const made: Buffer[] = []
  for await (const chunk of writeBackup(parts(), PASSPHRASE, manifest, CHEAP)) made.push(chunk)
  return Buffer.concat(made)
}
