/**
 * Who knocks at the doors, and, told by hand and not by the rules under test, what each of them may do. An environment
 * or a team that is not named here is one in which they may do nothing.
 */
import { sql } from 'kysely'
import type { Grant, Role } from '../../src/api/roles.ts'
import { createClient } from '../../src/client/client.ts'
import type { WholePlatform } from '../whole-platform.ts'

export interface Caller {
  name: string
  /** Null: the request carries none. */
  token: string | null
  /** False: whatever they ask is answered with 401. */
  isKnown: boolean
  /** By token file or sign-in, and not by a token that was made by hand. */
  signedIn: boolean
  reads: boolean
  administers: boolean
  /** Environments in which they change apps of their teams. */
  develops: readonly string[]
  /** Environments in which they change every app. */
  operates: readonly string[]
  teams: readonly string[]
}

const BOTH = ['stage', 'prod']
const STRANGER = {
  ...{ token: null, isKnown: false, signedIn: false, reads: false, administers: false },
  ...{ develops: [], operates: [], teams: [] },
}

const everywhere = (role: Role): Grant => ({ role, environment: null })
const grantIn = (environment: string, role: Role): Grant => ({ role, environment })

/** Makes them all, through the doors that people use. */
export async function makeCallers(platform: WholePlatform): Promise<Caller[]> {
  const { client, url, database } = platform
  const callers: Caller[] = [
    { ...STRANGER, name: 'nobody' },
    { ...STRANGER, name: 'a made-up token', token: `tow_${'A'.repeat(43)}` },
    {
      ...STRANGER,
      ...{ name: 'the starter', token: platform.token, isKnown: true, signedIn: true, reads: true },
      ...{ administers: true, develops: BOTH, operates: BOTH },
    },
  ]

  /** A person with a token of theirs; what it was made from is a machine's, whose tokens an administrator makes. */
  async function make(
    name: string,
    roles: Grant[],
    may: Partial<Caller>,
    narrowed: Grant[] | null = null,
  ): Promise<Caller> {
    const teams = [...(may.teams ?? [])]
    await client.people.add({ name, kind: 'machine', roles, teams })
    const { token } = await client.tokens.addFor({
      person: name,
      name: 'walk',
      roles: narrowed,
      expiresInHours: 9,
    })
    const caller = { ...STRANGER, isKnown: true, reads: true, ...may, name, token }
    callers.push(caller)
    return caller
  }

  await make('norole', [], { reads: false })
  await make('teamonly', [], { reads: false, teams: ['red'] })
  await make('viewer', [everywhere('viewer')], {})
  await make('red-stage', [grantIn('stage', 'developer')], { develops: ['stage'], teams: ['red'] })
  await make('red-both', [everywhere('developer')], { develops: BOTH, teams: ['red'] })
  await make('no-team', [everywhere('developer')], { develops: BOTH })
  await make('operator-stage', [grantIn('stage', 'operator')], { develops: ['stage'], operates: ['stage'] })
  await make('operator-both', [everywhere('operator')], { develops: BOTH, operates: BOTH })
  await make('mixed', [grantIn('stage', 'operator'), grantIn('prod', 'developer')], {
    ...{ develops: BOTH, operates: ['stage'], teams: ['red'] },
  })
  await make('admin', [everywhere('administrator')], { administers: true, develops: BOTH, operates: BOTH })
  await make('admin-as-viewer', [everywhere('administrator')], {}, [everywhere('viewer')])
  await make('admin-as-red', [everywhere('administrator')], { develops: ['stage'], teams: ['red'] }, [
    grantIn('stage', 'developer'),
  ])
  await make('admin-as-nothing', [everywhere('administrator')], { reads: false }, [])
  await make('stage-as-prod', [grantIn('stage', 'operator')], { reads: false }, [grantIn('prod', 'operator')])
  await make('viewer-as-admin', [everywhere('viewer')], {}, [everywhere('administrator')])
  const signed = await make('signed-in', [everywhere('developer')], {
    ...{ develops: BOTH, teams: ['red'], signedIn: true },
  })
  await sql`update tokens set signed_in = true where principal = ${signed.name}`.execute(database.db)

  const revoked = await make('revoked', [everywhere('administrator')], {})
  await client.tokens.removeOf({ person: revoked.name, name: 'walk' })
  const ended = await make('all-ended', [everywhere('administrator')], {})
  await client.people.revoke({ person: ended.name })
  const removed = await make('removed', [everywhere('administrator')], {})
  await client.people.remove({ person: removed.name })
  const expired = await make('expired', [everywhere('administrator')], {})
  await createClient({ url, token: expired.token! }).access.whoami()
  await sql`update tokens set expires_at = to_timestamp(0) where principal = ${expired.name}`.execute(
    database.db,
  )
  for (const caller of [revoked, ended, removed, expired])
    Object.assign(caller, { ...STRANGER, token: caller.token, name: caller.name })
  return callers
}
