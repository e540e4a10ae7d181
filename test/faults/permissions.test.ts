/** Homes and files that belong to somebody else, met by a common user: as root, uid 65534 takes that part. */
import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const BLOBS = new URL('../../src/trees/blob-store.ts', import.meta.url).href
const isRoot = process.getuid?.() === 0
const COMMON = isRoot ? { uid: 65_534, gid: 65_534 } : {}

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tow-p-'))
  await chmod(folder, 0o755)
})
afterAll(async () => {
  await chmod(join(folder, 'closed'), 0o700).catch(() => {})
  await rm(folder, { recursive: true, force: true })
})

function run(args: string[], env: Record<string, string>): Promise<{ exit: number; output: string }> {
  return new Promise((resolve) => {
    const options = { ...COMMON, cwd: '/', env: { PATH: process.env.PATH, HOME: folder, CI: 'true', ...env } }
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      resolve({ exit: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
    )
  })
}

async function belongsToCommonUser(path: string): Promise<void> {
  if (isRoot) await chown(path, 65_534, 65_534)
}

test('a home that one may not write to is told with the way out, and nothing is started', async () => {
  const home = join(folder, 'closed')
  await mkdir(home, { mode: 0o555 })
  const { exit, output } = await run([CLI, 'up'], { TOW_HOME: home })
  expect(exit).toBe(1)
  expect(output).toBe(
    `✗ the platform can’t keep its data in ${home} (EACCES)\n  make it writable for you, or set TOW_HOME to a folder of your own\n`,
  )
})

test('a home that is no folder is told the same way', async () => {
  const home = join(folder, 'file')
  await writeFile(home, '')
  const { exit, output } = await run([CLI, 'up'], { TOW_HOME: home })
  expect(exit).toBe(1)
  expect(output).toContain(home)
  expect(output.trim().split('\n').length).toBeLessThanOrEqual(2)
})

test('a platform.json that was cut short keeps nobody from tow up, and is told to whoever looks for the platform', async () => {
  const home = join(folder, 'torn')
  await mkdir(home)
  await writeFile(join(home, 'platform.json'), '{"url":"http://127')
  await belongsToCommonUser(home)
  const looked = await run([CLI, 'apps'], { TOW_HOME: home })
  expect(looked.exit).toBe(1)
  expect(looked.output).toContain('tow up')
  // A database that does not answer ends the start, so that nothing is left running; the file is no reason any more.
  const started = await run([CLI, 'up'], { TOW_HOME: home, DATABASE_URL: 'postgres://127.0.0.1:1/none' })
  expect(started.output).toContain('the platform’s database does not answer')
})

test('a blob store that one may not write to says so, with the mend', async () => {
  const store = join(folder, 'store')
  await mkdir(store, { mode: 0o555 })
  const { output } = await run(
    [
      '--input-type=module',
      '-e',
      `import { createBlobStore } from ${JSON.stringify(BLOBS)}
       await createBlobStore(${JSON.stringify(store)}).add(Buffer.from('x')).catch((error) => {
         console.log(error.message + ' ' + error.hint)
       })`,
    ],
    {},
  )
  expect(output).toBe(
    `“${store}” cannot be written: permission denied. Make it writable for whoever runs the platform: ls -ld '${store}'\n`,
  )
})
