/** The agent and the shell that leads its process, as THE chart has it, without a cluster: with each shell that is here. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeTree } from '../../trees/tree.ts'
import { openHolder } from '../holder.ts'
import type { SidecarReport } from './protocol.ts'
import { type Sidecar, startSidecar } from './sidecar.ts'

const CHART = ['_live.tpl', '_pod.tpl']
  .map((name) => readFileSync(new URL(`../../../charts/app/templates/${name}`, import.meta.url), 'utf8'))
  .join('')
const SHELLS = [['dash'], ['busybox', 'sh'], ['bash', '--posix']].filter(
  ([program]) => spawnSync(program!, ['true']).error === undefined,
)
/** Says which one it is. */
const SERVER = `
const { text } = require('./text.js')
require('node:http').createServer((_, response) => response.end(text + ' ' + process.pid)).listen(process.env.PORT)
`
const RELEASED = { 'server.js': SERVER, 'text.js': 'exports.text = "first"' }

let home: string
let pods: (() => void)[]

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tow-sidecar-'))
  pods = []
})
afterEach(() => {
  for (const end of pods) end()
  // As a cluster does with one that does not end when it is asked to.
  const left = processesIn(`${home}/live/workspace`)
  if (left.length > 0) spawnSync('kill', ['-KILL', ...left.map(String)])
  rmSync(home, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

function script(name: string): string {
  const [, body] = new RegExp(`define "${name}" -}}\n([^]*?)\\{\\{- end`).exec(CHART)!
  return body!
    .replace(/\{\{ include "(.*)" \. \}\}/, (_, included) => script(included))
    .replaceAll('/live', `${home}/live`)
    .replaceAll('/run/tow', `${home}/live/control`)
    .replaceAll('/workspace', `${home}/image`)
}

function source(files: Record<string, string>) {
  const contents = new Map(Object.values(files).map((text) => [hash('sha256', text), Buffer.from(text)]))
  const entries = Object.entries(files).map(([path, text]) => {
    return { path, mode: '644' as const, digest: hash('sha256', text), size: Buffer.byteLength(text) }
  })
  return {
    tree: makeTree(entries),
    async *read(digest: string) {
      yield contents.get(digest)!
    },
  }
}

interface Beside {
  shell: ChildProcess
  sidecar: Sidecar
  /** What the container wrote. */
  output(): string
  ports: { workspace: number; report: number }
  text(): Promise<string>
}

/** The pod as it starts: its workspace is filled, the agent is there, and then the process. */
async function start(
  shell: string[],
  options: { command?: string; reloads?: boolean } = {},
): Promise<Beside> {
  mkdirSync(`${home}/live`, { recursive: true })
  mkdirSync(`${home}/image`, { recursive: true })
  for (const [path, text] of Object.entries(RELEASED)) writeFileSync(`${home}/image/${path}`, text)
  const filled = spawnSync(shell[0]!, [...shell.slice(1), '-c', script('app.liveFill')])
  expect({ status: filled.status, said: String(filled.stderr) }).toEqual({ status: 0, said: '' })
  const port = await freePort()
  const ports = { workspace: await freePort(), report: await freePort() }
  const sidecar = await startSidecar({
    root: `${home}/live`,
    process: 'web',
    port,
    reloads: options.reloads ?? false,
    ports,
  })
  const { command = 'exec node server.js' } = options
  const child = spawn(
    shell[0]!,
    [...shell.slice(1), '-c', script('app.liveSupervise'), 'tow', 'web', command],
    {
      cwd: `${home}/live/workspace`,
      env: { PATH: process.env.PATH, PORT: String(port), TOW_POD: 'shop--web--v1-abcde' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let written = ''
  for (const stream of [child.stdout, child.stderr]) stream!.on('data', (data) => (written += data))
  pods.push(() => {
    sidecar.close()
    child.kill('SIGTERM')
  })
  const text = () =>
    fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then((one) => one.text())
  return { shell: child, sidecar, ports, output: () => written, text }
}

/** Ids of processes that run in that folder; one that has ended and waits for its parent runs nowhere. */
function processesIn(folder: string): number[] {
  const runs = (pid: string) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === folder
    } catch {
      return false
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && runs(name))
    .map(Number)
}

/** Those that are no shell and were begun to wait for their turn. */
function begunAhead(folder: string): number[] {
  return processesIn(folder).filter((pid) => {
    try {
      const isShell = readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sh\n'
      return !isShell && readFileSync(`/proc/${pid}/environ`, 'utf8').includes('TOW_AHEAD=')
    } catch {
      return false
    }
  })
}

async function follow({ ports }: Beside, claims = Object.keys(RELEASED)) {
  return openHolder(connect(ports.workspace, '127.0.0.1'), claims)
}

async function reports({ ports }: Beside): Promise<AsyncIterator<string>> {
  return createInterface({ input: connect(ports.report, '127.0.0.1') })[Symbol.asyncIterator]()
}

async function heard(
  lines: AsyncIterator<string>,
  process: SidecarReport['process'],
): Promise<SidecarReport> {
  for (;;) {
    const { value, done } = await lines.next()
    if (done) throw new Error(`the agent never said that it has ${process}`)
    const report = JSON.parse(value) as SidecarReport
    if (report.process === process) return report
  }
}

describe.each(SHELLS.map((shell) => [shell[0]!, shell] as const))(
  'beside a process led by %s',
  (_, shell) => {
    test('a change is put in place and the process starts anew, while whoever leads it lives on', async () => {
      const pod = await start(shell)
      const holder = await follow(pod)
      expect(holder.there().hash).toBe(source(RELEASED).tree.hash)
      const seen = new Set<string>()
      for (const word of ['second', 'third', 'fourth']) {
        const next = source({ ...RELEASED, 'text.js': `exports.text = "${word}"` })
        expect(await holder.make(next.tree, next.read)).toMatchObject({
          restarted: ['web'],
          ended: [],
          files: 1,
        })
        const [text, pid] = (await pod.text()).split(' ')
        expect(text).toBe(word)
        seen.add(pid!)
      }
      expect(seen.size).toBe(3)
      expect(pod.shell.exitCode).toBeNull()
      expect(pod.output()).toBe('')
    })

    test('one that crashed waits for the next change, and says how it ended, also to whoever comes later', async () => {
      const pod = await start(shell)
      const holder = await follow(pod)
      const broken = source({ ...RELEASED, 'text.js': 'process.exit(3)' })
      expect(await holder.make(broken.tree, broken.read)).toMatchObject({ restarted: [], ended: ['web'] })
      expect(await heard(await reports(pod), 'ended')).toMatchObject({ exit: 3 })
      await expect.poll(pod.output).toBe('[tow] it ended with 3, and starts again with the next change\n')
      const mended = source(RELEASED)
      expect(await holder.make(mended.tree, mended.read)).toMatchObject({ restarted: ['web'], ended: [] })
      expect(await pod.text()).toMatch(/^first /)
      expect(await heard(await reports(pod), 'begun')).toMatchObject({ exit: null })
    })

    test('one of Node alone is begun ahead, runs nothing of the app before its turn, and is none that is missed', async () => {
      const pod = await start(shell, { command: 'node server.js' })
      const holder = await follow(pod)
      let current = 0
      const spares = () => begunAhead(`${home}/live/workspace`).filter((pid) => pid !== current)
      for (const word of ['second', 'third', 'fourth']) {
        await expect.poll(spares).toHaveLength(1)
        const [spare] = spares()
        const next = source({
          ...RELEASED,
          'text.js': `exports.text = "${word}"; console.log("${word} begins")`,
        })
        expect(await holder.make(next.tree, next.read)).toMatchObject({ restarted: ['web'], ended: [] })
        expect(await pod.text()).toBe(`${word} ${spare}`)
        current = spare!
      }
      // What was told to the one that waits is not for the app, nor for what it starts.
      const env = source({
        'server.js': SERVER,
        'text.js': 'exports.text = String(process.env.NODE_OPTIONS) + process.env.TOW_AHEAD',
      })
      await expect.poll(spares).toHaveLength(1)
      await holder.make(env.tree, env.read)
      expect(await pod.text()).toMatch(/^undefinedundefined /)
      current = Number((await pod.text()).split(' ')[1])
      await expect.poll(spares).toHaveLength(1)
      process.kill(spares()[0]!, 'SIGKILL')
      await expect.poll(spares).toHaveLength(0)
      // Two changes at once: nobody waits yet for the second.
      for (const word of ['fifth', 'sixth']) {
        const next = source({ ...RELEASED, 'text.js': `exports.text = "${word}"` })
        expect(await holder.make(next.tree, next.read)).toMatchObject({ restarted: ['web'], ended: [] })
        expect(await pod.text()).toContain(word)
        current = Number((await pod.text()).split(' ')[1])
      }
      // One that is killed once it was told to go on, and before it did, was no life of the app either.
      await expect.poll(spares).toHaveLength(1)
      const [frozen] = spares()
      process.kill(frozen!, 'SIGSTOP')
      const last = source({ ...RELEASED, 'text.js': 'exports.text = "seventh"' })
      const made = holder.make(last.tree, last.read)
      await expect.poll(() => processesIn(`${home}/live/workspace`)).not.toContain(current)
      process.kill(frozen!, 'SIGKILL')
      expect(await made).toMatchObject({ restarted: ['web'], ended: [] })
      expect(await pod.text()).toContain('seventh')
      current = Number((await pod.text()).split(' ')[1])
      // Some shells say of what they lead that it was killed.
      expect(pod.output().replaceAll('Killed\n', '')).toBe('second begins\nthird begins\nfourth begins\n')
      await expect.poll(spares).toHaveLength(1)
      pod.shell.kill('SIGTERM')
      await once(pod.shell, 'exit')
      await expect.poll(spares).toHaveLength(0)
    })

    test('one that ends later by a signal is told of at once', async () => {
      const pod = await start(shell)
      const lines = await reports(pod)
      await heard(lines, 'begun')
      await expect.poll(() => pod.text().catch(() => '')).toMatch(/^first /)
      process.kill(Number((await pod.text()).split(' ')[1]), 'SIGKILL')
      expect(await heard(lines, 'ended')).toMatchObject({ exit: 137 })
      await expect.poll(pod.output).toContain('it was ended by SIGKILL')
    })

    test('one that does not end when it is asked to is killed, with all that it started', async () => {
      const command = `trap '' TERM; node server.js & while :; do sleep 0.1; done`
      const pod = await start(shell, { command })
      await expect.poll(() => pod.text().catch(() => '')).toMatch(/^first /)
      const holder = await follow(pod)
      const next = source({ ...RELEASED, 'text.js': 'exports.text = "second"' })
      expect(await holder.make(next.tree, next.read)).toMatchObject({ restarted: ['web'] })
      expect(await pod.text()).toMatch(/^second /)
    })

    test('one that takes up changes by itself is left alone, until it has ended', async () => {
      const pod = await start(shell, { reloads: true })
      await expect.poll(() => pod.text().catch(() => '')).toMatch(/^first /)
      const before = await pod.text()
      const holder = await follow(pod)
      const next = source({ ...RELEASED, 'text.js': 'exports.text = "second"' })
      expect(await holder.make(next.tree, next.read)).toMatchObject({ restarted: [], ended: [] })
      expect(await pod.text()).toBe(before)
      const lines = await reports(pod)
      process.kill(Number(before.split(' ')[1]), 'SIGTERM')
      await heard(lines, 'ended')
      const third = source({ ...RELEASED, 'text.js': 'exports.text = "third"' })
      expect(await holder.make(third.tree, third.read)).toMatchObject({ restarted: ['web'] })
      expect(await pod.text()).toMatch(/^third /)
    })

    test('one that listens on another address alone is seen to be up', async () => {
      const command = `node -e "require('node:http').createServer((_, response) => response.end('six')).listen(process.env.PORT, '::1')"`
      const pod = await start(shell, { command })
      const holder = await follow(pod)
      const next = source({ ...RELEASED, 'text.js': 'exports.text = "second"' })
      expect(await holder.make(next.tree, next.read)).toMatchObject({ restarted: ['web'], ended: [] })
    })

    test('an agent that starts anew goes on, and the process never notices', async () => {
      const pod = await start(shell)
      const next = source({ ...RELEASED, 'text.js': 'exports.text = "second"', 'more.js': 'more' })
      await (await follow(pod)).make(next.tree, next.read)
      const before = await pod.text()
      pod.sidecar.close()
      const ports = { workspace: await freePort(), report: await freePort() }
      const root = `${home}/live`
      const again = await startSidecar({ root, process: 'web', port: null, reloads: false, ports })
      pods.push(() => again.close())
      expect(await heard(await reports({ ...pod, ports }), 'begun')).toMatchObject({ exit: null })
      expect(await pod.text()).toBe(before)
      const holder = await follow({ ...pod, ports }, [])
      expect(holder.there().entries.map(({ path }) => path)).toContain('more.js')
      const last = source(RELEASED)
      expect(await holder.make(last.tree, last.read)).toMatchObject({ restarted: ['web'] })
    })

    test('a container that starts anew finds its workspace as it was', async () => {
      const pod = await start(shell)
      const next = source({ ...RELEASED, 'text.js': 'exports.text = "second"' })
      await (await follow(pod)).make(next.tree, next.read)
      pod.sidecar.close()
      pod.shell.kill('SIGTERM')
      await once(pod.shell, 'exit')
      const again = await start(shell)
      await expect.poll(() => again.text().catch(() => '')).toMatch(/^second /)
    })

    test.each([
      ['node slow.js', 7],
      // The shell that leads both is ended by the signal before they are.
      ['true; node slow.js; true', null],
    ])('what `%s` does when it is asked to end is waited for', async (command, code) => {
      writeFileSync(
        `${home}/slow.js`,
        `process.on('SIGTERM', () => setTimeout(() => {
           console.log('done'); setTimeout(() => process.exit(7), 100)
         }, 300))
         setInterval(() => {}, 1000); console.log('here')`,
      )
      const supervise = [...shell.slice(1), '-c', script('app.supervise'), 'tow', 'web', command]
      const child = spawn(shell[0]!, supervise, {
        cwd: home,
        env: { PATH: process.env.PATH, TOW_POD: 'shop--web--v1-abcde' },
        stdio: ['ignore', 'pipe', 'inherit'],
        // A container has a group of its own.
        detached: true,
      })
      pods.push(() => child.kill('SIGKILL'))
      const ended = once(child, 'exit')
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      expect((await lines.next()).value).toBe('here')
      child.kill('SIGTERM')
      expect((await lines.next()).value).toBe('done')
      // With it all would end that is in the container.
      expect(child.exitCode ?? child.signalCode).toBeNull()
      const [exit] = await ended
      if (code !== null) expect(exit).toBe(code)
    })

    test('what a shell of several words leads may end its work when its pod goes', async () => {
      const command = `true; node -e "process.on('SIGTERM', () => setTimeout(() => { console.log('done'); process.exit() }, 300)); setInterval(() => {}, 1000); console.log('here')"; true`
      const pod = await start(shell, { command })
      await expect.poll(pod.output).toBe('here\n')
      pod.shell.kill('SIGTERM')
      await once(pod.shell, 'exit')
      expect(pod.output()).toBe('here\ndone\n')
    })

    test('ends with its process when it is told to, by the code of that', async () => {
      const command = `trap 'echo bye; exit 5' TERM; echo here; while :; do sleep 0.02; done`
      const pod = await start(shell, { command })
      await expect.poll(pod.output).toBe('here\n')
      pod.shell.kill('SIGTERM')
      const [code] = await once(pod.shell, 'exit')
      expect(code).toBe(5)
      expect(pod.output()).toContain('bye')
    })
  },
)

test('an image without what it needs is refused in a sentence', () => {
  mkdirSync(`${home}/live`)
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script('app.liveFill')], {
    env: { PATH: home },
  })
  expect(status).toBe(1)
  expect(String(stderr)).toBe('the image has no cp, which a workspace that follows files needs\n')
})
