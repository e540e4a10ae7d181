import type { ErrorCode } from '../../api/errors.ts'

/** Failures of other people's tools that have one well-known mend, by what they print. */
const KNOWN: [pattern: RegExp, hint: string, code?: ErrorCode][] = [
  [/ENOSPC|No space left on device/i, 'Free some space on the disk, and ship again', 'DISK_FULL'],
  [
    /npm ci. can only install packages when your package\.json and package-lock\.json|npm (error|ERR!) code EUSAGE/,
    'package.json and package-lock.json do not agree: run npm install, and commit package-lock.json',
  ],
  [
    /ERR_PNPM_OUTDATED_LOCKFILE/,
    'package.json and pnpm-lock.yaml do not agree: run pnpm install, and commit pnpm-lock.yaml',
  ],
  [
    /YN0028|Your lockfile needs to be updated/,
    'package.json and yarn.lock do not agree: run yarn install, and commit yarn.lock',
  ],
  [/missing go\.sum entry|updates to go\.mod needed/, 'Run go mod tidy, and commit go.mod and go.sum'],
  [
    /THESE PACKAGES DO NOT MATCH THE HASHES/,
    'A package is not the one that was locked: lock anew only if that is expected',
  ],
  [
    /getaddrinfo|ENOTFOUND|EAI_AGAIN|Could not resolve host|Temporary failure in name resolution|Name or service not known|dial tcp: lookup/,
    'The package registry cannot be reached: check the network, and HTTPS_PROXY where there is a proxy',
  ],
  [
    /self[- ]signed certificate|SELF_SIGNED_CERT|unable to (get|verify) .*(issuer|certificate)|CERTIFICATE_VERIFY_FAILED|certificate signed by unknown authority/i,
    'The registry shows a certificate that is not trusted here: start the platform with NODE_EXTRA_CA_CERTS (Node), PIP_CERT or SSL_CERT_FILE naming the file of its authority',
  ],
  [
    /\bE401\b|\bE403\b|ENEEDAUTH|401 (Client )?(Error|Unauthorized)|403 Forbidden|YN0041/,
    "The package registry refuses: log in with the package manager's own command, so that its settings in your home name a valid token",
  ],
  [
    /gyp ERR! (find Python|stack Error: not found: make)|(gcc|g\+\+|cc|make): (command )?not found|C compiler "\w+" not found|command '[^']*gcc' failed|fatal error: (Python|ruby)\.h|mkmf\.rb can't find/,
    'A package has to be compiled: install a compiler (apt-get install build-essential, xcode-select --install) and the headers of the language',
  ],
  [
    /JavaScript heap out of memory/,
    'Give the build more memory: NODE_OPTIONS=--max-old-space-size=4096 in build.command',
  ],
  [
    /No matching distribution found for/,
    'No version of that package fits this Python: change it in the list, or name another Python in .python-version',
  ],
]

/** What mends a failed step, judged by the end of its output; empty where nothing is known of it. */
export function hintFor(output: string): { hint?: string; code?: ErrorCode } {
  for (const [pattern, hint, code] of KNOWN) if (pattern.test(output)) return { hint, ...(code && { code }) }
  return {}
}
