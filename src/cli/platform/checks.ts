/** What can be checked with no platform there: this machine, and the home. */
import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import semver from 'semver'

export interface LocalCheck {
  name: string
  ok: boolean
  message: string
  mend?: string | undefined
}

const NODE_RANGE = '>=22.18.0'
const ENOUGH_BYTES = 1024 ** 3

export async function localChecks({
  home,
  env,
}: {
  home: string
  env: NodeJS.ProcessEnv
}): Promise<LocalCheck[]> {
  return [checkNode(), await checkHome(home), await checkDisk(home), checkHostNames(env)]
}

function checkNode(): LocalCheck {
  const ok = semver.satisfies(process.versions.node, NODE_RANGE)
  return {
    name: 'node',
    ok,
    message: `Node ${process.versions.node}`,
    mend: ok ? undefined : `install Node ${NODE_RANGE}`,
  }
}

/** The nearest folder that exists. */
async function existing(folder: string): Promise<string> {
  for (let candidate = folder; ; candidate = dirname(candidate)) {
    try {
      await access(candidate)
      return candidate
    } catch {
      if (candidate === dirname(candidate)) return candidate
    }
  }
}

async function checkHome(home: string): Promise<LocalCheck> {
  const folder = await existing(home)
  try {
    await access(folder, constants.W_OK)
    return { name: 'home', ok: true, message: home }
  } catch {
    return {
      name: 'home',
      ok: false,
      message: `${folder} can't be written to`,
      mend: 'set TOW_HOME to a folder of your own',
    }
  }
}

async function checkDisk(home: string): Promise<LocalCheck> {
  const { bavail, bsize } = await statfs(await existing(home))
  const free = bavail * bsize
  const ok = free >= ENOUGH_BYTES
  return {
    name: 'disk',
    ok,
    message: `${(free / 1024 ** 3).toFixed(1)} GB free`,
    mend: ok ? undefined : `free some space where ${home} lies, or set TOW_HOME elsewhere`,
  }
}

function checkHostNames(env: NodeJS.ProcessEnv): LocalCheck {
  const proxy = env.http_proxy ?? env.HTTP_PROXY
  const spared = (env.no_proxy ?? env.NO_PROXY ?? '').includes('localhost')
  const ok = !proxy || spared
  return {
    name: 'proxy',
    ok,
    message: ok ? 'local URLs are reached directly' : 'a proxy is set for every host, local ones too',
    mend: ok ? undefined : 'export NO_PROXY=localhost,127.0.0.1',
  }
}
