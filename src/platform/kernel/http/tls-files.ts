/** A certificate and its key as files that somebody else renews: read again when they change, kept when they break. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { TowError } from '../../../api/errors.ts'

export interface TlsFiles {
  cert: string
  key: string
}

export interface TlsPair {
  cert: Buffer
  key: Buffer
  leaf: X509Certificate
}

const OTHERS = 0o007

/** Throws what a person can mend: a file that is not there, a key that others read, two that don’t belong together. */
export function readTlsPair(files: TlsFiles, now: Date): TlsPair {
  const [cert, key] = [read(files.cert, 'certificate'), read(files.key, 'key')]
  const mode = statSync(files.key).mode & 0o777
  if ((mode & OTHERS) !== 0) {
    throw new TowError(
      'REFUSED',
      `the TLS key ${files.key} can be read by others (mode ${mode.toString(8)})`,
      {
        hint: `chmod 600 ${files.key}; if others may have read it, get a new one`,
      },
    )
  }
  const leaf = parse(cert, files.cert)
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    throw new TowError('REFUSED', `${files.key} is not the key of the certificate ${files.cert}`, {
      hint: 'give the two files that were made together: --tls-cert, with the whole chain, and --tls-key',
      cause,
    })
  }
  if (leaf.validToDate <= now) {
    throw new TowError('REFUSED', `the certificate ${files.cert} ended on ${leaf.validTo}`, {
      hint: 'renew it',
    })
  }
  return { cert, key, leaf }
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new TowError('REFUSED', `the TLS ${what} ${file} can’t be read (${code})`, {
      hint: 'give --tls-cert and --tls-key two files that the platform may read',
      cause,
    })
  }
}

function parse(cert: Buffer, file: string): X509Certificate {
  try {
    return new X509Certificate(cert)
  } catch (cause) {
    throw new TowError('REFUSED', `${file} holds no certificate`, {
      hint: 'it must be PEM: -----BEGIN CERTIFICATE-----',
      cause,
    })
  }
}

/**
 * Looks for changes every so often: by looking rather than by being told, since what is renewed is often a link, in a
 * folder that is replaced whole. Answers how to stop.
 */
export function watchTlsFiles(
  { cert, key }: TlsFiles,
  everyMilliseconds: number,
  changed: () => void,
): () => void {
  const watched = [cert, key]
  for (const file of watched) watchFile(file, { interval: everyMilliseconds, persistent: false }, changed)
  return () => {
    for (const file of watched) unwatchFile(file, changed)
  }
}
