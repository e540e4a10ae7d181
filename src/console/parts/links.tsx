/** The ways to things that pages name. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

interface Place {
  app: string
  environment: string
}

export function AppLink({ app, environment, children }: Place & { children?: ReactNode }) {
  return (
    <Link to="/apps/$app/$environment" params={{ app, environment }}>
      {children ?? `${app} in ${environment}`}
    </Link>
  )
}

export function RolloutLink({
  id,
  children,
  row = false,
}: {
  id: string
  children: ReactNode
  row?: boolean
}) {
  return (
    <Link to="/rollouts/$id" params={{ id }} {...(row ? { 'data-row': true } : {})}>
      {children}
    </Link>
  )
}

/** Where an event leads: what it is about, as far as there is a page of it. */
export function EventLink({
  event,
  children,
}: {
  event: { app: string | null; environment: string | null; position: number }
  children: ReactNode
}) {
  return (
    <Link to="/timeline" search={{ at: String(event.position) }} data-row>
      {children}
    </Link>
  )
}
