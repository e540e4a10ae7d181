/** Who was let in by a link of their own, until when; and another one. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Invitation, Space, SpaceLink } from '../../api/spaces.ts'
import { queries } from '../live/queries.ts'
import { Card, Empty, Loaded } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { askInvite, askUninvite, wordsOf } from './actions.ts'
import { LinkRows } from './links.tsx'

const TERMS = [4, 24, 48, 7 * 24] as const
const TONES = { open: 'good', expired: 'none', revoked: 'none' } as const
const WORDS = { open: 'open', expired: 'expired', revoked: 'ended' } as const

type Made = Invitation & { links: SpaceLink[] }

export function Invitations({ space }: { space: Space }) {
  const query = useQuery(queries.invitations(space.name))
  const [made, setMade] = useState<Made | null>(null)
  return (
    <Card title="Invitations" flush>
      {made && (
        <div className="made">
          <p className="note">
            <strong>The link for {made.for}</strong>{' '}
            <span className="soft">is shown this once; it ends </span>
            <Ago at={made.expiresAt} />
          </p>
          <LinkRows links={made.links} />
          <p className="note">
            <button type="button" className="button" onClick={() => setMade(null)}>
              I have it
            </button>
          </p>
        </div>
      )}
      <Loaded query={query} lines={2}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="Nobody was invited">
              <span>A link for QA, support or a customer, for this space alone, that ends by itself.</span>
            </Empty>
          ) : (
            <ul className="rows">
              {all.map((one) => (
                <li key={one.id}>
                  <State tone={TONES[one.state]} word={WORDS[one.state]} hideWord />
                  <div className="grow">
                    {one.for}{' '}
                    <span className="soft">
                      by {one.by}, {one.state === 'open' ? 'ends' : WORDS[one.state]}
                      {one.state === 'open' && (
                        <>
                          {' '}
                          <Ago at={one.expiresAt} />
                        </>
                      )}
                    </span>
                  </div>
                  {one.state === 'open' && (
                    <button
                      type="button"
                      className="button"
                      aria-label={`End the link of ${one.for}`}
                      onClick={() => askUninvite(space, one)}
                    >
                      End…
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {space.apps.length > 0 && <InviteForm space={space} show={setMade} />}
    </Card>
  )
}

function InviteForm({ space, show }: { space: Space; show: (made: Made) => void }) {
  const [whom, setWhom] = useState('')
  const [hours, setHours] = useState<number>(48)
  return (
    <form
      className="note invite"
      onSubmit={(event) => {
        event.preventDefault()
        if (whom.trim() === '') return
        askInvite(space, whom.trim(), hours, (made) => {
          setWhom('')
          show(made)
        })
      }}
    >
      <label className="field grow">
        For whom
        <input
          className="input"
          placeholder="qa"
          maxLength={200}
          required
          value={whom}
          onChange={(event) => setWhom(event.target.value)}
        />
      </label>
      <label className="field">
        For
        <select value={hours} onChange={(event) => setHours(Number(event.target.value))}>
          {TERMS.map((term) => (
            <option key={term} value={term}>
              {wordsOf(term)}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" className="button">
        Invite…
      </button>
    </form>
  )
}
