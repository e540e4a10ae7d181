/** Logins for registries, where Docker and its kin keep them: in a file, or in a helper that the file names. */
import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import * as z from 'zod'
import { refusals } from './messages.ts'

export type Credentials =
  | { kind: 'password'; username: string; password: string }
  /** Exchanged for access tokens at the registry's token service. */
  | { kind: 'identity'; token: string }
  /** Sent as it is. */
  | { kind: 'bearer'; token: string }

/** The login for a registry, null for none. Asked again whenever a registry wants to know: helpers give short-lived ones. */
export type CredentialSource = (registry: string) => Promise<Credentials | null>

const Entry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
})
const ConfigFile = z.object({
  auths: z.record(z.string(), Entry).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
})

export interface DockerCredentialOptions {
  /** Of the folder that holds config.json, `~/.docker` or what DOCKER_CONFIG says. */
  folder: string
  /** Where helpers are looked for, as in PATH. */
  toolPath: string
  /** What helpers find in their environment: HOME, and what their clouds need. */
  environment?: Readonly<Record<string, string | undefined>>
}

export function dockerCredentials(options: DockerCredentialOptions): CredentialSource {
  const file = join(options.folder, 'config.json')
  return async (registry) => {
    const config = readConfig(file)
    if (!config) return null
    const helper = ownEntry(config.credHelpers, registry) ?? config.credsStore
    if (helper) {
      const found = await askHelper(`docker-credential-${helper}`, registry, file, options)
      if (found) return found
    }
    const entry = ownEntry(config.auths, registry)
    return entry ? readEntry(entry) : null
  }
}

function readConfig(file: string): z.infer<typeof ConfigFile> | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw refusals.badConfig(file, error)
  }
  try {
    return ConfigFile.parse(JSON.parse(text))
  } catch (error) {
    // What JSON.parse says quotes the text around the mistake, and that may be a password.
    throw refusals.badConfig(
      file,
      error instanceof SyntaxError ? 'it cannot be read' : 'its shape is another',
    )
  }
}

/** Keys are hosts, or addresses as old clients wrote them: `https://host/v1/`. */
function ownEntry<T>(entries: Record<string, T> | undefined, registry: string): T | undefined {
  if (!entries) return undefined
  const wanted = namesOf(registry)
  const key = Object.keys(entries).find((name) => wanted.includes(hostOf(name)))
  return key === undefined ? undefined : entries[key]
}

const hostOf = (key: string) => key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')

const namesOf = (registry: string) =>
  registry === 'docker.io' ? ['index.docker.io', 'docker.io', 'registry-1.docker.io'] : [registry]

function readEntry(entry: z.infer<typeof Entry>): Credentials | null {
  if (entry.registrytoken) return { kind: 'bearer', token: entry.registrytoken }
  if (entry.identitytoken) return { kind: 'identity', token: entry.identitytoken }
  const decoded = entry.auth ? Buffer.from(entry.auth, 'base64').toString() : ''
  const colon = decoded.indexOf(':')
  const username = colon < 0 ? entry.username : decoded.slice(0, colon)
  const password = colon < 0 ? entry.password : decoded.slice(colon + 1).replace(/\0+$/, '')
  return username && password ? { kind: 'password', username, password } : null
}

const HelperAnswer = z.object({ Username: z.string(), Secret: z.string() })
/** What helpers say for “there is none”; any other failure is one. */
const NONE = /credentials not found in native keychain/i
const HELPER_MILLISECONDS = 60_000

async function askHelper(
  helper: string,
  registry: string,
  file: string,
  { toolPath, environment = {} }: DockerCredentialOptions,
): Promise<Credentials | null> {
  const program = findProgram(helper, toolPath)
  if (!program) throw refusals.helperMissing(helper, registry, file)
  const asked = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
  const { status, output } = await runHelper(program, asked, { ...environment, PATH: toolPath })
  if (NONE.test(output)) return null
  if (status !== 0)
    throw refusals.helperFailed(helper, registry, firstLine(output) || `it ended with ${status}`)
  const answer = parseAnswer(output)
  if (!answer) throw refusals.helperFailed(helper, registry, 'its answer cannot be read')
  const { Username: username, Secret: secret } = answer
  if (username === '' && secret === '') return null
  return username === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret }
}

function parseAnswer(output: string): z.infer<typeof HelperAnswer> | null {
  try {
    return HelperAnswer.parse(JSON.parse(output))
  } catch {
    return null
  }
}

const firstLine = (text: string) => text.trim().split('\n')[0]!.slice(0, 200)

function findProgram(name: string, toolPath: string): string | null {
  for (const folder of toolPath.split(delimiter)) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return null
}

function runHelper(
  program: string,
  asked: string,
  environment: Record<string, string | undefined>,
): Promise<{ status: number | string; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, ['get'], {
      env: environment,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: HELPER_MILLISECONDS,
    })
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.on('error', (error) => resolve({ status: error.message, output: '' }))
    child.on('close', (code, signal) =>
      resolve({ status: code ?? String(signal), output: Buffer.concat(parts).toString() }),
    )
    // A helper may end without reading.
    child.stdin.on('error', () => {})
    child.stdin.end(asked)
  })
}
