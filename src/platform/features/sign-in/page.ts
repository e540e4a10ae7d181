/** The pages of signing in: plain forms, no script, nothing from elsewhere. */
import { createHash } from 'node:crypto'
import { PASSWORD_LEAST } from '../../../api/sign-in.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5a6475; --line: #8a94a6; --paper: #fff; --mark: #0b6b4f; --wrong: #a3261b }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ef; --soft: #9aa5b8; --line: #69758a; --paper: #12161d; --mark: #5fd0a8; --wrong: #ff9d92 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
main { width: min(24rem, 100vw); padding: 1.5rem }
h1 { margin: 0 0 1.2rem; font-size: 1.5rem; letter-spacing: -.01em }
label { display: block; margin: .9rem 0 .2rem; font-weight: 600 }
input { width: 100%; padding: .55rem .7rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px }
button { margin-top: 1.3rem; width: 100%; padding: .6rem; font: inherit; font-weight: 600; color: var(--paper); background: var(--mark); border: 0; border-radius: 6px; cursor: pointer }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px }
p { color: var(--soft) } a { color: var(--mark) } .wrong { color: var(--wrong); font-weight: 600 }
`

const style = createHash('sha256').update(STYLE).digest('base64')

/**
 * A form may be posted here alone, and the page shows in no frame. The referrer stays within this site: with none at
 * all browsers would not say which page a form was posted from.
 */
export const PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  'referrer-policy': 'same-origin',
  'content-type': 'text/html; charset=utf-8',
}

interface Wrong {
  message: string
}

/** `to`: where to go on from here. */
export function signInPage({
  name = '',
  to = null,
  wrong,
}: {
  name?: string | undefined
  to?: string | null
  wrong?: Wrong
}): string {
  return page(
    'Sign in',
    wrong,
    `<form method="post" action="/sign-in">${to === null ? '' : `<input type="hidden" name="to" value="${escaped(to)}">`}
${field('name', 'Name', `autocomplete="username" autocapitalize="none" spellcheck="false" value="${escaped(name)}"${name === '' ? ' autofocus' : ''}`)}
${field('password', 'Password', `type="password" autocomplete="current-password"${name === '' ? '' : ' autofocus'}`)}
<button>Sign in</button></form>
<p>Invited? <a href="/sign-in/invitation">Choose your password</a>.</p>`,
  )
}

export function invitationPage(wrong?: Wrong): string {
  return page(
    'Choose your password',
    wrong,
    `<form method="post" action="/sign-in/invitation">
${field('code', 'Code of your invitation', 'autocomplete="one-time-code" autocapitalize="none" spellcheck="false" autofocus')}
${field('password', `Password, at least ${PASSWORD_LEAST} characters`, `type="password" autocomplete="new-password" minlength="${PASSWORD_LEAST}"`)}
${field('again', 'The same once more', `type="password" autocomplete="new-password"`)}
<button>Sign in</button></form>`,
  )
}

export function codePage(code: string, wrong?: Wrong): string {
  const form = `<form method="post" action="/sign-in/code"><input type="hidden" name="code" value="${escaped(code)}"><button>Sign in</button></form>`
  return page('Sign in with this browser?', wrong, code === '' ? '' : form)
}

export function signedInPage(name: string): string {
  return page(
    `Signed in as ${name}`,
    undefined,
    `<form method="post" action="/sign-out"><button>Sign out</button></form>`,
  )
}

function page(title: string, wrong: Wrong | undefined, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · Towpath</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(title)}</h1>
${wrong ? `<p class="wrong" role="alert">${escaped(sentence(wrong.message))}</p>` : ''}
${body}
</main></body></html>
`
}

const field = (name: string, label: string, attributes: string) =>
  `<label for="${name}">${escaped(label)}</label><input id="${name}" name="${name}" required maxlength="256" ${attributes}>`

const sentence = (message: string) => `${message.charAt(0).toUpperCase()}${message.slice(1)}.`

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
