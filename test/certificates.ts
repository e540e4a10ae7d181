/** Certificates as a company makes them for itself: an authority of one's own, and what it signed. By openssl. */
import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  /** What clients trust. */
  authority: string
  /** Signs another certificate over the same two files, the key for its owner alone. */
  issue(names: string[], serial?: number): { cert: string; key: string }
}

export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=Test authority'],
    ...['-keyout', file('authority.key'), '-out', file('authority.pem')],
  )
  return {
    authority: file('authority.pem'),
    issue(names, serial = 1) {
      const [cert, key] = [file('tls.pem'), file('tls.key')]
      const all = names.map((name) => (/^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
      openssl('req', ...newKey, '-subj', `/CN=${names[0]}`, '-keyout', key, '-out', file('request.pem'))
      writeFileSync(file('names'), `subjectAltName=${all}\n`)
      openssl(
        ...['x509', '-req', '-in', file('request.pem'), '-days', '1', '-set_serial', String(serial)],
        ...[
          '-CA',
          file('authority.pem'),
          '-CAkey',
          file('authority.key'),
          '-extfile',
          file('names'),
          '-out',
          cert,
        ],
      )
      chmodSync(key, 0o600)
      return { cert, key }
    },
  }
}
