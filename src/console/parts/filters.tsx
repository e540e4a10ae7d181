import { type ReactNode, useId, useState } from 'react'
import { plural } from './parts.tsx'
import { useMedia } from './window.ts'

/**
 * Filters of a page. Where there is little room all but the first are folded, and how many of them are set is said;
 * `last` is there always.
 */
export function Filters({
  set,
  first,
  last,
  children,
}: {
  /** How many of the folded ones leave something out. */
  set: number
  first?: ReactNode
  last?: ReactNode
  children: ReactNode
}) {
  const isNarrow = useMedia('(max-width: 859px)')
  const [isOpen, setOpen] = useState(false)
  const id = useId()
  return (
    <div className="filters">
      {first}
      {isNarrow && (
        <button
          type="button"
          className="button"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        >
          {set === 0 ? 'Filter' : plural(set, 'filter')} <span aria-hidden="true">{isOpen ? '▴' : '▾'}</span>
        </button>
      )}
      <div id={id} className="folded" hidden={isNarrow && !isOpen}>
        {children}
      </div>
      {last}
    </div>
  )
}

/** How many of these say something. */
export const countSet = (...values: (string | undefined)[]) => values.filter(Boolean).length
