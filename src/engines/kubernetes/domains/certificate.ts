/** The certificate in a Secret, as far as people may know of it: whose it is and until when. Its key is compared, and kept nowhere. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Problem } from '../../engine.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { Secret } from '../cluster/objects.ts'

export interface CertificateFacts {
  expiresAt: string | null
  problem: Problem | null
}

export async function readCertificate(
  cluster: Cluster,
  name: string,
  host: string,
): Promise<CertificateFacts> {
  try {
    const secret = await cluster.request<Secret>('GET', objectPath('Secret', cluster.namespace, name))
    return judgeCertificate(secret, host)
  } catch (error) {
    if (hasStatus(error, 404)) return { expiresAt: null, problem: missing(name, cluster.namespace) }
    if (!hasStatus(error, 403)) throw error
    return { expiresAt: null, problem: null }
  }
}

export function judgeCertificate({ metadata, data }: Secret, host: string): CertificateFacts {
  const { name } = metadata
  const read = (key: string) => Buffer.from(data?.[key] ?? '', 'base64')
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(read('tls.crt'))
  } catch {
    return { expiresAt: null, problem: unreadable(name) }
  }
  const expiresAt = certificate.validToDate.toISOString()
  if (certificate.checkHost(host) === undefined) {
    return { expiresAt, problem: otherNames(name, host, certificate.subjectAltName) }
  }
  return { expiresAt, problem: hasKey(certificate, read('tls.key')) ? null : otherKey(name) }
}

function hasKey(certificate: X509Certificate, key: Buffer): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

const anew = (name: string) =>
  `kubectl create secret tls ${name} --cert=... --key=... --dry-run=client -o yaml | kubectl apply -f -`

function missing(name: string, namespace: string): Problem {
  return {
    code: 'certificate-missing',
    message: `there is no Secret ${name} in the namespace ${namespace}, where its certificate should be`,
    hint: `kubectl -n ${namespace} create secret tls ${name} --cert=... --key=...`,
  }
}

function unreadable(name: string): Problem {
  return {
    code: 'certificate-unreadable',
    message: `the Secret ${name} holds no certificate as tls.crt`,
    hint: anew(name),
  }
}

function otherNames(name: string, host: string, names: string | undefined): Problem {
  const shown = names?.replaceAll('DNS:', '') ?? 'no name'
  return {
    code: 'certificate-names',
    message: `the certificate in the Secret ${name} is for ${shown}, and not for ${host}`,
    hint: anew(name),
  }
}

function otherKey(name: string): Problem {
  return {
    code: 'certificate-key',
    message: `the key in the Secret ${name} is not that of its certificate`,
    hint: anew(name),
  }
}
