import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import { operations } from '../../kernel/operations.ts'
import type { Access } from '../access/index.ts'
import { refusals } from './messages.ts'
import type { createLocalPeople } from './people.ts'
import type { createSessions } from './sessions.ts'

export interface Parts {
  database: Database
  clock: Clock
  people: ReturnType<typeof createLocalPeople>
  sessions: ReturnType<typeof createSessions>
  access: Pick<Access, 'principalNamed' | 'endToken'>
  giveToken(
    person: string,
    label: string,
  ): Promise<{ token: string; tokenName: string; person: string; expiresAt: string }>
}

export function signInRoutes({ database, people, sessions, access, giveToken }: Parts) {
  const { signIn } = operations
  return {
    signIn: {
      withPassword: signIn.withPassword.handler(async ({ input: { name, password, label }, context }) =>
        giveToken(await people.byPassword.identify({ name, password }, context.address!), label),
      ),
      accept: signIn.accept.handler(async ({ input: { code, password, label }, context }) =>
        giveToken(await people.accept(code, password, context.address!), label),
      ),
      invite: signIn.invite.handler(async ({ input: { name }, context }) => {
        const made = await database.change(context.actor, async (change) => {
          const principal = await access.principalNamed(change.db, name)
          if (!principal) throw refusals.unknown(name)
          if (principal.kind === 'machine') throw refusals.machine(name)
          change.event({ kind: 'person.invited', message: `Invite ${name}`, facts: { principal: name } })
          return people.makeCode(change, 'invitation', name)
        })
        return { code: made.code, expiresAt: made.expiresAt.toISOString() }
      }),
      changePassword: signIn.changePassword.handler(async ({ input: { present, next }, context }) => {
        await people.changePassword(context.actor.name, present, next, context.address!)
        return { person: context.actor.name }
      }),
      browser: signIn.browser.handler(async ({ context }) => {
        const { name } = context.actor
        const { code, expiresAt } = await database.change(context.actor, async (change) => {
          const message = `${name} asked to be signed in with a browser`
          change.event({ kind: 'session.asked', message, facts: { principal: name } })
          return people.makeCode(change, 'browser', name)
        })
        return { code, path: '/sign-in/code', expiresAt: expiresAt.toISOString() }
      }),
      signOut: signIn.signOut.handler(async ({ context }) => {
        const { credential, name } = context.principal!
        if (credential.kind === 'token-file') throw refusals.notSignedIn()
        await database.change(context.actor, async (change) => {
          if (credential.kind === 'session') await sessions.close(change, context.session!)
          else await access.endToken(change, name, credential.name!)
        })
        return { ended: credential.name ?? 'session' }
      }),
    },
  }
}
