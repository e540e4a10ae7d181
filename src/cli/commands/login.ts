import { hostname, userInfo } from 'node:os'
import { TowError } from '../../api/errors.ts'
import { createClient } from '../../client/client.ts'
import type { Command, CommandContext, Options } from '../command.ts'
import { platformUrl, type Remembered, readRemembered, writeRemembered } from '../platform/remembered.ts'
import { askSecret, askText } from '../terminal/ask.ts'
import { readAll } from '../terminal/input.ts'
import { printJson } from '../terminal/terminal.ts'
import { columns } from '../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '[url]', description: 'of the platform; local: the one on this machine' }],
  options: [
    { flags: '--name <person>', description: 'who you are there (default: you are asked)' },
    { flags: '--invited', description: 'you have a code and choose a password now' },
    { flags: '--stdin', description: 'read the password (or the code and the password) from standard input' },
    { flags: '--insecure-plain-http', description: 'though what you type can be read on the way' },
  ],
  examples: [
    ['tow login https://tow.example.com:8700', 'sign in; later commands speak to that platform'],
    ['tow login https://tow.example.com:8700 --invited', 'the first time, with the code of your invitation'],
    ['tow login', 'where you are signed in'],
    ['tow login local', 'back to the platform on this machine; the others stay remembered'],
  ],
  async run(context, [address], options) {
    const { configHome, terminal, json } = context
    const remembered = await readRemembered(configHome)
    if (address === undefined) return list(context, remembered)
    if (address === 'local') {
      await writeRemembered(configHome, { ...remembered, current: null })
      return void terminal.say('Commands speak to the platform on this machine now.')
    }
    const url = platformUrl(address)
    refusePlain(url, options)
    const present = remembered.platforms[url]
    const isGood = present !== undefined && options.invited !== true && (await works(url, present.token))
    const entry = isGood ? present : await signIn(context, url, options)
    await writeRemembered(configHome, {
      current: url,
      platforms: { ...remembered.platforms, [url]: entry },
    })
    if (json) return void printJson(terminal, { url, person: entry.person, expiresAt: entry.expiresAt })
    terminal.say(`Signed in to ${url} as ${entry.person}, until ${entry.expiresAt.slice(0, 10)}.`)
    return void terminal.say('Commands speak to it now. Undo: tow logout')
  },
}

function list({ terminal, json }: CommandContext, { current, platforms }: Remembered): undefined {
  const rows = Object.entries(platforms).map(([url, { person, expiresAt }]) => ({
    ...{ url, person, expiresAt, current: url === current },
  }))
  if (json) printJson(terminal, rows)
  else if (rows.length === 0)
    terminal.say('Signed in nowhere: commands speak to the platform on this machine.')
  else {
    const lines = rows.map((row) => [
      row.current ? '*' : ' ',
      row.url,
      row.person,
      `until ${row.expiresAt.slice(0, 10)}`,
    ])
    terminal.print(columns(lines))
  }
  return undefined
}

function refusePlain(url: string, options: Options): void {
  const { protocol, hostname: host } = new URL(url)
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(host)
  if (protocol === 'https:' || isLocal || options.insecurePlainHttp === true) return
  throw new TowError('REFUSED', `${url} is plain HTTP: your password could be read on the way`, {
    hint: `tow login https://${host}, or add --insecure-plain-http`,
  })
}

async function works(url: string, token: string): Promise<boolean> {
  try {
    await createClient({ url, token }).access.whoami()
    return true
  } catch (error) {
    if (error instanceof TowError && error.code === 'UNAUTHENTICATED') return false
    throw error
  }
}

async function signIn({ terminal }: CommandContext, url: string, options: Options) {
  const isAsked = options.stdin !== true
  if (isAsked && !terminal.interactive) {
    throw new TowError('USAGE', 'there is nobody here to ask for a password', {
      hint: 'give it with --stdin; for CI, set TOW_URL and TOW_TOKEN (tow tokens add)',
    })
  }
  const { signIn: door } = createClient({ url, token: '' })
  const lines = isAsked ? [] : (await readAll(process.stdin)).split('\n')
  const label = hostname() || 'cli'
  const typed = async (question: string) => (isAsked ? askSecret(question) : (lines.shift() ?? ''))
  if (options.invited) {
    const code = isAsked ? await askText('Code of your invitation', '') : (lines.shift() ?? '')
    const password = await typed('Choose a password')
    if (isAsked && (await askSecret('The same once more')) !== password)
      throw new TowError('USAGE', 'the two passwords differ', { hint: 'try again; the code was not used' })
    return keep(await door.accept({ code, password, label }))
  }
  const named = typeof options.name === 'string' ? options.name : null
  if (named === null && !isAsked)
    throw new TowError('USAGE', 'with --stdin, say who you are', { hint: '--name <person>' })
  const name = named ?? (await askText(`Your name at ${url}`, userInfo().username))
  return keep(await door.withPassword({ name, password: await typed('Password'), label }))
}

const keep = ({ token, person, expiresAt }: { token: string; person: string; expiresAt: string }) => ({
  ...{ token, person, expiresAt },
})
