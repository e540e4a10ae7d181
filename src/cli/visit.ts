/** One request by a link into a space, as a test makes it: the token goes in a header, so that no cookie is needed. */
import { lookup } from 'node:dns'
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { TowError } from '../api/errors.ts'
import { PREVIEW_TOKEN } from '../api/spaces.ts'

const ANSWER_WITHIN_MS = 60_000

/** Answers with the status, once all of the answer has come. */
export function visit(link: string, path: string, signal: AbortSignal): Promise<number> {
  const url = new URL(path, link)
  const token = new URL(link).searchParams.get(PREVIEW_TOKEN)
  const request = url.protocol === 'https:' ? secureRequest : plainRequest
  const patience = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)])
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(
        new TowError('UNAVAILABLE', `${url.origin} could not be asked: ${cause.message}`, {
          hint: 'the name has to lead from here to where the environment is entered',
          cause,
        }),
      )
    const headers = token === null ? {} : { [PREVIEW_TOKEN]: token }
    request(url, { headers, signal: patience, agent: false, lookup: resolver }, (answer) => {
      answer.on('error', fail).on('end', () => resolve(answer.statusCode!))
      answer.resume()
    })
      .on('error', fail)
      .end()
  })
}

/** Names below localhost are this machine, whatever its resolver knows. */
const resolver: LookupFunction = (host, options, done) =>
  host.endsWith('.localhost')
    ? done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4)
    : lookup(host, options, done as never)
