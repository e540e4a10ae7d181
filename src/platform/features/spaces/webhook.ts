/** One message to whoever wants to know that a space is live: a link, and nothing that the platform would not say. */
import { TowError } from '../../../api/errors.ts'
import { refusals } from './messages.ts'

const LONGEST_MS = 10_000

/** Judges the address; its path and query may be secret, its host is not. */
export function readWebhook(text: string): { url: URL; host: string } {
  const url = new URL(text)
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere)) throw refusals.webhookPlain()
  if (url.username !== '' || url.password !== '')
    throw new TowError('BAD_INPUT', 'the address of a webhook holds no name and no password')
  return { url, host: url.host }
}

/** Throws, with a reason that names neither the path nor what was answered. */
export async function tell(address: string, body: object, signal: AbortSignal): Promise<void> {
  const { url } = readWebhook(address)
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/json', 'user-agent': 'towpath' },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]),
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`it answered ${response.status}`)
}
