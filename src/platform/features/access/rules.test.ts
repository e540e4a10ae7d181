import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ScopedPermission } from '../../../api/operation.ts'
import { type Grant, ROLES } from '../../../api/roles.ts'
import { lackOf, narrow, permits, type Touched, whoMay } from './rules.ts'

const grant: fc.Arbitrary<Grant> = fc.record({
  role: fc.constantFrom(...ROLES),
  environment: fc.constantFrom(null, 'stage', 'prod'),
})
const grants = fc.array(grant, { maxLength: 3 })
const teams = fc.subarray(['red', 'blue'])
const permission = fc.constantFrom<ScopedPermission>('app:change', 'app:secret', 'environment:operate')
const touched: fc.Arbitrary<Touched> = fc.record({
  app: fc.constant('missions'),
  owner: fc.constantFrom(null, 'red', 'blue'),
  environment: fc.constantFrom('stage', 'prod'),
})
const credential = { kind: 'token', name: 'ci', expiresAt: null } as const

describe('who may change an app', () => {
  const person = (name: string, role: Grant['role'], environment: string | null, teams: string[] = []) => ({
    ...{ name, kind: 'person' as const, teams },
    roles: [{ role, environment }],
  })
  const all = [
    person('zoe', 'developer', 'prod', ['red']),
    person('ann', 'operator', 'prod'),
    person('bob', 'developer', null, ['blue']),
    person('cat', 'developer', 'stage', ['red']),
    person('dan', 'viewer', null, ['red']),
    { ...person('ci', 'administrator', null), kind: 'machine' as const },
  ]
  const thing = { app: 'missions', owner: 'red', environment: 'prod' }

  test('is its team as far as its roles reach, and then whoever operates the environment; no machine', () => {
    expect(whoMay(all, 'app:change', thing)).toEqual(['zoe', 'ann'])
    expect(whoMay(all, 'app:change', { ...thing, owner: null })).toEqual(['ann', 'bob', 'zoe'])
  })
})

describe('a narrowed token', () => {
  test('may in an environment what both it and its principal may, and nothing else', () => {
    fc.assert(
      fc.property(grants, grants, teams, permission, touched, (own, given, inTeams, wanted, thing) => {
        const may = (roles: Grant[]) => lackOf({ name: 'ann', roles, teams: inTeams }, wanted, thing) === null
        expect(may(narrow(own, given))).toBe(may(own) && may(given))
      }),
      { numRuns: 2000 },
    )
  })

  test('may of all that is held everywhere what both may', () => {
    fc.assert(
      fc.property(
        grants,
        grants,
        fc.constantFrom('read' as const, 'platform:administer' as const),
        (own, given, wanted) => {
          const everywhere = (roles: Grant[]) => roles.map(({ role }): Grant => ({ role, environment: null }))
          const may = (roles: Grant[]) =>
            permits({ name: 'x', kind: 'person', teams: [], roles, credential }, wanted)
          const [mine, its] = [everywhere(own), everywhere(given)]
          expect(may(narrow(mine, its))).toBe(may(mine) && may(its))
        },
      ),
    )
  })
})

test('a space is changed by whose it is and by operators, in their environment, and by nobody else', () => {
  fc.assert(
    fc.property(grants, teams, fc.constantFrom('ann', 'bob'), touched, (roles, inTeams, person, thing) => {
      const principal = { name: 'ann', roles, teams: inTeams }
      const inSpace = lackOf(principal, 'app:change', { ...thing, space: { name: 'mine', person } })
      const outside = lackOf(principal, 'app:change', thing)
      const operates = lackOf(principal, 'environment:operate', thing) === null
      expect(inSpace === null).toBe(outside === null && (person === 'ann' || operates))
    }),
  )
})

test('nobody may more for being in fewer teams or holding fewer roles', () => {
  fc.assert(
    fc.property(grants, grant, teams, permission, touched, (roles, more, inTeams, wanted, thing) => {
      const may = (held: Grant[], inThese: string[]) =>
        lackOf({ name: 'ann', roles: held, teams: inThese }, wanted, thing) === null
      if (may(roles, inTeams)) expect(may([...roles, more], [...inTeams, 'green'])).toBe(true)
    }),
  )
})
