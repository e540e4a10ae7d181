import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Variables of the person who started the platform that package clients need to reach their registries. Everything
 * else stays behind: a build must not depend on, nor see, what happens to be in a shell.
 */
const PASSED_ON = [
  /^(https?|all|no)_proxy$/i,
  /^(SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO)$/,
  // Not npm_config_prefix and its like: `npm start` sets those for its own purposes.
  /^npm_config_(registry|cafile|ca|cert|key|strict[-_]ssl|proxy|https[-_]proxy|noproxy|userconfig|globalconfig|nodedir|maxsockets|fetch[-_].*|(offline|prefer[-_]offline)|.*:.*)$/i,
  /^(YARN_NPM_REGISTRY_SERVER|YARN_HTTPS?_PROXY|YARN_HTTPS_CA_FILE_PATH|YARN_NPM_AUTH_TOKEN)$/,
  /^PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY|DEFAULT_TIMEOUT|RETRIES|CONFIG_FILE)$/,
  /^UV_(INDEX.*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NATIVE_TLS|SYSTEM_CERTS|HTTP_TIMEOUT|INSECURE_HOST|OFFLINE)$/,
  /^(GOPROXY|GONOPROXY|GOPRIVATE|GOSUMDB|GONOSUMDB|GOINSECURE|GOAUTH|GOVCS)$/,
  /^BUNDLE_(MIRROR__.*|SSL_CA_CERT|SSL_VERIFY_MODE|.*__[A-Z]+)$/,
]

/** The part of an environment that steps of a build may see. */
export function passedOn(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [key, value] of Object.entries(environment)) {
    if (value !== undefined && PASSED_ON.some((pattern) => pattern.test(key))) kept[key] = value
  }
  return kept
}

/** Files in a person's home where clients keep registries and tokens; each is named by the tool's own variable. */
const SETTINGS: [variable: string, ...places: string[]][] = [
  ['NPM_CONFIG_USERCONFIG', '.npmrc'],
  ['PIP_CONFIG_FILE', '.config/pip/pip.conf', 'Library/Application Support/pip/pip.conf', '.pip/pip.conf'],
  ['NETRC', '.netrc'],
  ['GOENV', '.config/go/env', 'Library/Application Support/go/env'],
  ['GIT_CONFIG_GLOBAL', '.gitconfig', '.config/git/config'],
  ['BUNDLE_USER_CONFIG', '.bundle/config'],
]

/** Points package clients at the settings of the person, though HOME is another folder. */
export function personalSettings(home: string | undefined): Record<string, string> {
  if (home === undefined) return {}
  const found: Record<string, string> = {}
  for (const [variable, ...places] of SETTINGS) {
    const file = places.map((place) => join(home, place)).find((candidate) => existsSync(candidate))
    if (file !== undefined) found[variable] = file
  }
  return found
}

const CACHES: [variable: string, ...places: string[]][] = [
  ['npm_config_cache', '.npm'],
  ['PIP_CACHE_DIR', '.cache/pip', 'Library/Caches/pip'],
  ['GOCACHE', '.cache/go-build', 'Library/Caches/go-build'],
  ['GOMODCACHE', 'go/pkg/mod'],
]

/**
 * Caches that the person's own tools keep, by the tool's variable: who has built the app by hand waits for nothing
 * twice. Their entries are named by their content, so they change no result.
 */
export function personalCaches(home: string | undefined): Record<string, string> {
  if (home === undefined) return {}
  const found: Record<string, string> = {}
  for (const [variable, ...places] of CACHES) {
    const folder = places.map((place) => join(home, place)).find(isWritable)
    if (folder !== undefined) found[variable] = folder
  }
  return found
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
