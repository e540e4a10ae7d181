/** The addresses that browsers sign in at. Whatever changes something is a form of these very pages. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ERROR_CODES, TowError } from '../../../api/errors.ts'
import { ownAddress } from '../../../api/pages.ts'
import { NewPassword } from '../../../api/sign-in.ts'
import { giveSession, readSession, requireOwnForm, takeSession } from '../../kernel/http/browser.ts'
import { toTowError } from '../../kernel/http/failure.ts'
import { refuseUnkeepableText } from '../../kernel/http/text.ts'
import { codePage, invitationPage, PAGE_HEADERS, signedInPage, signInPage } from './page.ts'
import type { Parts } from './routes.ts'
import { LASTS } from './rules.ts'

type Fields = Record<string, string>

const config = { permission: 'anyone' } as const

export function createDoor({ database, people, sessions }: Parts, landing: string) {
  const show = (reply: FastifyReply, html: string) => reply.headers(PAGE_HEADERS).send(html)

  /** A new session in place of whatever the browser had. */
  async function signIn(request: FastifyRequest, reply: FastifyReply, principal: string, to?: string) {
    const before = readSession(request)
    const secret = await database.change({ name: principal }, async (change) => {
      if (before !== undefined) await sessions.close(change, before)
      return sessions.open(change, principal)
    })
    giveSession(request, reply, secret, LASTS.session / 1000)
    return reply.redirect(ownAddress(to) ?? landing, 303)
  }

  /** A post of one of the forms; what is wrong with it stands on the page that it came from. */
  function form(
    server: FastifyInstance,
    url: string,
    take: Take,
    again: (fields: Fields, wrong: TowError) => string,
  ) {
    server.post(url, { config, bodyLimit: 16 * 1024 }, async (request, reply) => {
      requireOwnForm(request)
      const fields = (request.body ?? {}) as Fields
      try {
        refuseUnkeepableText(fields)
        return await take(request, reply, fields)
      } catch (thrown) {
        const error = toTowError(thrown, request.id)
        if (error.code === 'INTERNAL') throw thrown
        if (error.retryAfterSeconds !== undefined)
          reply.header('retry-after', String(error.retryAfterSeconds))
        return show(reply.status(ERROR_CODES[error.code].status), again(fields, error))
      }
    })
  }

  return (server: FastifyInstance) => {
    server.removeAllContentTypeParsers()
    server.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    )

    server.get('/sign-in', { config }, async (request, reply) => {
      const session = readSession(request)
      const principal = session === undefined ? null : await sessions.principalOf(session)
      const { to } = request.query as { to?: unknown }
      return show(reply, principal ? signedInPage(principal.name) : signInPage({ to: ownAddress(to) }))
    })
    server.get('/sign-in/invitation', { config }, async (_request, reply) => show(reply, invitationPage()))
    server.get('/sign-in/code', { config }, async (request, reply) => {
      const { code = '' } = request.query as { code?: string }
      // Opened by no page, so by whoever asked for the code. From a page it could be a trick: that asks first.
      const isOpenedByHand = request.headers['sec-fetch-site'] === 'none'
      if (!isOpenedByHand || typeof code !== 'string') return show(reply, codePage(String(code).slice(0, 64)))
      try {
        return await signIn(request, reply, await people.byCode.identify(code, request.ip))
      } catch (error) {
        if (!(error instanceof TowError)) throw error
        return show(reply.status(ERROR_CODES[error.code].status), codePage('', error))
      }
    })

    form(
      server,
      '/sign-in',
      async (request, reply, { name = '', password = '', to }) =>
        signIn(request, reply, await people.byPassword.identify({ name, password }, request.ip), to),
      ({ name, to }, wrong) => signInPage({ name: name?.slice(0, 256), to: ownAddress(to), wrong }),
    )
    form(
      server,
      '/sign-in/code',
      async (request, reply, { code = '' }) =>
        signIn(request, reply, await people.byCode.identify(code, request.ip)),
      (_fields, wrong) => codePage('', wrong),
    )
    form(
      server,
      '/sign-in/invitation',
      async (request, reply, { code = '', password = '', again = '' }) => {
        const chosen = NewPassword.safeParse(password)
        if (!chosen.success) throw new TowError('BAD_INPUT', chosen.error.issues[0]!.message)
        if (password !== again) throw new TowError('BAD_INPUT', 'the two passwords differ')
        return signIn(request, reply, await people.accept(code, password, request.ip))
      },
      (_fields, wrong) => invitationPage(wrong),
    )
    form(
      server,
      '/sign-out',
      async (request, reply) => {
        const session = readSession(request)
        if (session !== undefined) {
          const principal = await sessions.principalOf(session)
          await database.change({ name: principal?.name ?? 'anyone' }, (change) =>
            sessions.close(change, session),
          )
        }
        takeSession(request, reply)
        return reply.redirect('/sign-in', 303)
      },
      (_fields, wrong) => signInPage({ wrong }),
    )
  }
}

type Take = (request: FastifyRequest, reply: FastifyReply, fields: Fields) => Promise<FastifyReply>
