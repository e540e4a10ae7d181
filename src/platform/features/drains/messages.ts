/** What a person may read about drains. Never the URL as it was typed: it may hold a credential. */
import { TowError } from '../../../api/errors.ts'

const FORMS = 'https://host/path for OTLP, syslog+tls://host:6514 or syslog+tcp://host:514 for syslog'

export const refusals = {
  noUrl: () => new TowError('BAD_INPUT', `this is no URL of a drain; it is ${FORMS}`),
  noHost: () => new TowError('BAD_INPUT', `the URL of the drain names no host; it is ${FORMS}`),
  unknownScheme: (scheme: string) =>
    new TowError('BAD_INPUT', `a drain can't send to ${scheme}//; it sends to ${FORMS}`),
  syslogExtras: () =>
    new TowError('BAD_INPUT', 'the URL of a syslog drain has a host and a port, and nothing else', {
      hint: 'syslog+tls://logs.example.com:6514',
    }),
  syslogHeaders: () => new TowError('BAD_INPUT', 'syslog knows no headers; they are for OTLP'),
  twoCredentials: () =>
    new TowError(
      'BAD_INPUT',
      'the URL has credentials and there is a header Authorization; one of them is enough',
    ),
  plain: (host: string) =>
    new TowError('REFUSED', `lines to ${host} would travel unencrypted`, {
      hint: 'use https:// or syslog+tls://, or say --plain where the network may be trusted',
    }),
  exists: (environment: string, shown: string) =>
    new TowError('CONFLICT', `${environment} has a drain to ${shown} already`, { hint: 'tow drains' }),
  tooMany: (environment: string, most: number) =>
    new TowError('REFUSED', `${environment} has ${most} drains, and that is the most`, {
      hint: 'tow drains remove',
    }),
  unknown: (environment: string, id: string) =>
    new TowError('NOT_FOUND', `${environment} has no drain "${id}"`, { hint: 'tow drains' }),
}
