/** What is first shown is shown whole: parts that come one after the other would push each other down. */
import { useIsFetching } from '@tanstack/react-query'
import { useRouterState } from '@tanstack/react-router'
import { type ReactNode, useEffect, useState } from 'react'
import { Loading } from '../parts/parts.tsx'

/** Milliseconds. What takes longer comes when it does. */
const PATIENCE = 1000
/** After the last answer, in which what it leads to is asked for. */
const SETTLES = 40

export function Whole({ children }: { children: ReactNode }) {
  const [isWhole, setWhole] = useState(false)
  const isOpening = useRouterState({ select: ({ status }) => status === 'pending' })
  const asked = useIsFetching({ predicate: ({ state }) => state.data === undefined })
  useEffect(() => {
    const timer = setTimeout(() => setWhole(true), PATIENCE)
    return () => clearTimeout(timer)
  }, [])
  useEffect(() => {
    if (isOpening || asked > 0) return
    const timer = setTimeout(() => setWhole(true), SETTLES)
    return () => clearTimeout(timer)
  }, [isOpening, asked])
  return (
    <>
      <div className="whole" data-whole={isWhole}>
        {children}
      </div>
      {!isWhole && (
        <div className="until-whole">
          <Loading lines={8} />
        </div>
      )}
    </>
  )
}
