/**
 * One line at the foot of the pages of a space, so that nobody takes it for the environment. Only whole documents that
 * a browser goes to get it, and they stream as they did: the line follows when they are over.
 */
import type { Exchange } from './exchange.ts'
import type { AnswerHead } from './headers.ts'

const STYLE =
  'position:fixed;left:0;bottom:0;z-index:2147483647;padding:2px 8px;pointer-events:none;opacity:.85;' +
  'font:12px/1.5 system-ui,sans-serif;background:#12181f;color:#fff'

/** What asks for a part of a page says so in one of these. */
const PARTS = ['hx-request', 'turbo-frame', 'x-requested-with', 'range']

/** Whether a browser goes to a page with it. Browsers name the purpose only where they trust the connection. */
export function isNavigation(method: string, accept: string | null, header: (name: string) => string | null) {
  if (method !== 'GET' || !accept?.includes('text/html')) return false
  const purpose = header('sec-fetch-dest')
  return (purpose === null || purpose === 'document') && PARTS.every((name) => header(name) === null)
}

/** Asks the app for bytes that can be read: nothing is unpacked here. */
export function askForPlain(headers: string[]): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    if (headers[at]!.toLowerCase() === 'accept-encoding') headers.splice(at, 2)
  }
  headers.push('accept-encoding', 'identity')
}

/** Adds the line to an answer. */
export interface Foot {
  /** Looks at the next bytes of the body. */
  see(chunk: Buffer): void
  /** What follows the body; null where that is no document. */
  end(): Buffer | null
}

const LOOKED_AT = 1024
const DOCUMENT = /^(?:\s|\xef\xbb\xbf|<!--[\s\S]*?-->)*<(?:!doctype\s+html|html)[\s>]/i

/** Null where the answer stays as it is. */
export function footOf(
  { banner }: Pick<Exchange, 'banner'>,
  status: number,
  { contentType, isFixed, kept }: AnswerHead,
): Foot | null {
  if (banner === null || status !== 200 || isFixed) return null
  if (!contentType || !/^text\/html\s*(?:;|$)/i.test(contentType) || /utf-?(?:16|32)/i.test(contentType))
    return null
  // What the line is added to has no length that is known before.
  for (let at = kept.length - 2; at >= 0; at -= 2) {
    if (kept[at]!.toLowerCase() === 'content-length') kept.splice(at, 2)
  }
  let start = ''
  return {
    see(chunk) {
      if (start.length < LOOKED_AT) start += chunk.toString('latin1', 0, LOOKED_AT - start.length)
    },
    end: () => (DOCUMENT.test(start) ? Buffer.from(lineOf(banner), 'latin1') : null),
  }
}

/** ASCII alone, so that it reads the same in every encoding of a page. */
function lineOf(text: string): string {
  const escaped = [...text]
    .map((char) => (/[\w .,:;()/-]/.test(char) ? char : `&#${char.codePointAt(0)};`))
    .join('')
  return `\n<div role="note" style="${STYLE}">${escaped}</div>\n`
}
