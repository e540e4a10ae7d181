/** What this machine says about processes: who is in a session, what they use, where they listen. Linux and macOS. */
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
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
  const inodes = new Set<string>()
  for (const pid of pids) {
    const handles = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const handle of handles) {
      const link = await readlink(`/proc/${pid}/fd/${handle}`).catch(() => '')
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1]
      if (inode) inodes.add(inode)
    }
  }
  const tables = await Promise.all([
    readFile('/proc/net/tcp', 'latin1').catch(() => ''),
    readFile('/proc/net/tcp6', 'latin1').catch(() => ''),
  ])
  return tables.flatMap((table, index) => parseTcpTable(table, index === 0 ? 4 : 6, inodes))
}

/** Listening rows of /proc/net/tcp or tcp6 whose inode is among those given. */
export function parseTcpTable(table: string, family: 4 | 6, inodes: ReadonlySet<string>): ListeningAddress[] {
  return table.split('\n').flatMap((row) => {
    const columns = row.trim().split(/\s+/)
    if (columns[3] !== '0A' || !inodes.has(columns[9] ?? '')) return []
    const [address = '', port = ''] = columns[1]!.split(':')
    return [{ address: readableAddress(address, family), port: Number.parseInt(port, 16), family }]
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
