/** What this machine says about processes: who is in a session, what they use, where they listen. Linux and macOS. */
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { statFields } from './shim/identity.ts'

export interface Usage {
  pids: number[]
  /** CPU time so far, of those that live. */
  cpuMilliseconds: number
  memoryBytes: number
}

const PAGE = 4096
const TICKS_PER_SECOND = 100
const exec = promisify(execFile)

/** Every process of the machine, grouped by session (by process group on macOS, which shows no sessions). */
export async function usageBySession(): Promise<Map<number, Usage>> {
  const groups = new Map<number, Usage>()
  const add = (group: number, pid: number, cpu: number, memory: number) => {
    const usage = groups.get(group) ?? { pids: [], cpuMilliseconds: 0, memoryBytes: 0 }
    usage.pids.push(pid)
    usage.cpuMilliseconds += cpu
    usage.memoryBytes += memory
    groups.set(group, usage)
  }
  if (process.platform === 'linux') {
    for (const { pid, fields } of await linuxProcesses()) {
      if (fields[0] === 'Z') continue
      const ticks = Number(fields[11]) + Number(fields[12])
      add(Number(fields[3]), pid, (ticks * 1000) / TICKS_PER_SECOND, Number(fields[21]) * PAGE)
    }
  } else {
    const { stdout } = await exec('ps', ['-axo', 'pid=,pgid=,rss=,time='])
    for (const line of stdout.split('\n')) {
      const [pid, group, rss, time] = line.trim().split(/\s+/)
      if (time) add(Number(group), Number(pid), clockToMilliseconds(time), Number(rss) * 1024)
    }
  }
  return groups
}

/** Memory of these processes with shared pages counted once between those that share them; RSS where unknown. */
export async function proportionalMemory(usage: Usage): Promise<number> {
  if (process.platform !== 'linux') return usage.memoryBytes
  const sizes = await Promise.all(
    usage.pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '')
      return /^Pss:\s+(\d+) kB/m.exec(text)?.[1]
    }),
  )
  if (sizes.some((size) => size === undefined)) return usage.memoryBytes
  return sizes.reduce((sum, size) => sum + Number(size) * 1024, 0)
}

/** `[dd-]hh:mm:ss` or `mm:ss.hh`, as ps prints CPU time. */
export function clockToMilliseconds(time: string): number {
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time]
  const seconds = clock!.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Math.round((Number(days) * 86_400 + seconds) * 1000)
}

async function linuxProcesses(): Promise<{ pid: number; fields: string[] }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null)
      return stat === null ? [] : [{ pid: Number(pid), fields: statFields(stat) }]
    }),
  )
  return found.flat()
}

/** Members of the session that a process leads (of its group on macOS). */
export async function sessionMembers(leader: number): Promise<number[]> {
  return (await usageBySession()).get(leader)?.pids ?? []
}

export interface ListeningAddress {
  address: string
  port: number
  family: 4 | 6
}

/** TCP sockets that these processes listen on. */
export async function listeningAddresses(pids: number[]): Promise<ListeningAddress[]> {
  if (pids.length === 0) return []
  if (process.platform !== 'linux') return lsofAddresses(pids)
  const inodes = new Set((await Promise.all(pids.map(socketsOf))).flat())
  return (await tcpTables()).flatMap((table, index) => parseTcpTable(table, index === 0 ? 4 : 6, inodes))
}

/**
 * Whether who listens on a port of the loopback is for sure neither `leader`, nor of its session, nor a descendant:
 * a port that was free when it was lent may be somebody else's by the time that its borrower listens.
 */
export async function isStrangersPort(leader: number, port: number): Promise<boolean> {
  if (process.platform !== 'linux') return isStrangersByLsof(leader, port)
  const rows = (await tcpTables())
    .flatMap((table, index) => listeningRows(table, index === 0 ? 4 : 6))
    .filter((row) => row.port === port && row.address !== '::1')
  if (rows.length === 0) return false
  const holds = (sockets: string[]) => rows.some(({ inode }) => sockets.includes(inode))
  if (holds(await socketsOf(leader))) return false
  const processes = await linuxProcesses()
  const kin = kinOf(leader, processes)
  for (const pid of kin) if (holds(await socketsOf(pid))) return false
  // Not seen among our own: a stranger's for sure where another user or another process is seen to hold it.
  const uid = await stat(`/proc/${leader}`).then(
    (found) => found.uid,
    () => null,
  )
  if (uid !== null && rows.every((row) => row.uid !== uid)) return true
  for (const { pid } of processes) if (!kin.has(pid) && holds(await socketsOf(pid))) return true
  return false
}

/** The session that `leader` leads, and every descendant, whatever session it made for itself. */
function kinOf(leader: number, processes: { pid: number; fields: string[] }[]): Set<number> {
  const kin = new Set([leader])
  for (let size = 0; size < kin.size; ) {
    size = kin.size
    for (const { pid, fields } of processes) {
      if (Number(fields[3]) === leader || kin.has(Number(fields[1]))) kin.add(pid)
    }
  }
  return kin
}

async function isStrangersByLsof(leader: number, port: number): Promise<boolean> {
  const { stdout } = await exec('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fp']).catch(() => ({
    stdout: '',
  }))
  const holders = [...stdout.matchAll(/^p(\d+)$/gm)].map(([, pid]) => Number(pid))
  const own = new Set(await sessionMembers(leader))
  return holders.length > 0 && holders.every((pid) => !own.has(pid))
}

/** Inodes of the sockets that a process holds; none where it is gone or may not be looked at. */
async function socketsOf(pid: number): Promise<string[]> {
  const handles = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const links = await Promise.all(
    handles.map((handle) => readlink(`/proc/${pid}/fd/${handle}`).catch(() => '')),
  )
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [])
}

function tcpTables(): Promise<string[]> {
  return Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'latin1').catch(() => '')),
  )
}

/** Listening rows of /proc/net/tcp or tcp6 whose inode is among those given. */
export function parseTcpTable(table: string, family: 4 | 6, inodes: ReadonlySet<string>): ListeningAddress[] {
  return listeningRows(table, family).flatMap(({ inode, address, port }) =>
    inodes.has(inode) ? [{ address, port, family }] : [],
  )
}

interface ListeningRow extends ListeningAddress {
  inode: string
  uid: number
}

function listeningRows(table: string, family: 4 | 6): ListeningRow[] {
  return table.split('\n').flatMap((row) => {
    const columns = row.trim().split(/\s+/)
    if (columns[3] !== '0A') return []
    const [address = '', port = ''] = columns[1]!.split(':')
    return [
      {
        address: readableAddress(address, family),
        port: Number.parseInt(port, 16),
        family,
        uid: Number(columns[7]),
        inode: columns[9]!,
      },
    ]
  })
}

/** The kernel writes each 32-bit word of an address in the machine's own byte order: little-endian here. */
function readableAddress(hex: string, family: 4 | 6): string {
  if (family === 4)
    return hex
      .match(/../g)!
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.')
  if (/^0+$/.test(hex)) return '::'
  if (/^0{24}01000000$/.test(hex)) return '::1'
  return hex
}

async function lsofAddresses(pids: number[]): Promise<ListeningAddress[]> {
  const { stdout } = await exec('lsof', [
    '-nP',
    '-a',
    '-iTCP',
    '-sTCP:LISTEN',
    '-p',
    pids.join(','),
    '-Ftn',
  ]).catch(() => ({ stdout: '' }))
  let family: 4 | 6 = 4
  return stdout.split('\n').flatMap((line) => {
    if (line.startsWith('t')) family = line === 'tIPv6' ? 6 : 4
    const match = /^n(.*):(\d+)$/.exec(line)
    if (!match) return []
    const address = match[1] === '*' ? (family === 6 ? '::' : '0.0.0.0') : match[1]!.replace(/[[\]]/g, '')
    return [{ address, port: Number(match[2]), family }]
  })
}
