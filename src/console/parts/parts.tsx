/** The small parts that every page is made of. */
import type { UseQueryResult } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import type { TowError } from '../../api/errors.ts'

/** `text` for the clipboard; `what` it is, for whoever does not see beside what the button stands. */
export function Copy({ text, what = text }: { text: string; what?: string }) {
  const [isCopied, setCopied] = useState(false)
  return (
    <button
      type="button"
      className="button"
      data-tone="quiet"
      aria-label={`Copy ${what}`}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => setCopied(true))
        setTimeout(() => setCopied(false), 1500)
      }}
    >
      {isCopied ? 'Copied' : 'Copy'}
    </button>
  )
}

/** A command that does the same as what is beside it. */
export function Command({ text }: { text: string }) {
  return (
    <span className="command">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard */}
      <code tabIndex={0}>{text}</code>
      <Copy text={text} />
    </span>
  )
}

/** A sentence with a capital and its full stop; a release and a command stay as they are. */
export function sentence(text: string): string {
  const trimmed = text.trim()
  const first = /^(v\d|tow )/.test(trimmed) ? trimmed.charAt(0) : trimmed.charAt(0).toUpperCase()
  return `${first}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`
}

/** What helps: a command alone can be copied, all else is a sentence. */
export function Hint({ text }: { text: string }) {
  const isCommand = /^tow [^;,]+$/.test(text) && !/ (shows|tells|says|to) /.test(text)
  return isCommand ? <Command text={text} /> : <span className="soft">{sentence(text)}</span>
}

/** What went wrong, and what mends it. */
export function Problem({ error }: { error: Pick<TowError, 'message' | 'hint'> }) {
  return (
    <div className="problem" role="alert">
      <p>{sentence(error.message)}</p>
      {error.hint && (
        <p>
          <Hint text={error.hint} />
        </p>
      )}
    </div>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children}
    </div>
  )
}

export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  )
}

/** What a query gave; until then that it loads, or why it failed. What was read before stays while it is read anew. */
export function Loaded<T>({
  query,
  lines,
  children,
}: {
  query: UseQueryResult<T>
  lines?: number
  children: (data: T) => ReactNode
}) {
  if (query.data !== undefined) return children(query.data)
  if (query.error) return <Problem error={query.error as TowError} />
  return <Loading {...(lines === undefined ? {} : { lines })} />
}

export function Card({
  title,
  end,
  children,
  flush = false,
}: {
  title: ReactNode
  end?: ReactNode
  children: ReactNode
  /** Without space around what is in it. */
  flush?: boolean
}) {
  return (
    <section className="card">
      <header>
        <h2>{title}</h2>
        {end}
      </header>
      {flush ? children : <div className="body">{children}</div>}
    </section>
  )
}

export function PageHead({
  title,
  above,
  below,
  children,
}: {
  title: string
  above?: ReactNode
  below?: ReactNode
  children?: ReactNode
}) {
  useEffect(() => {
    document.title = `${title} · Towpath`
  }, [title])
  return (
    <div className="page-head">
      <div>
        {above && <div className="crumbs">{above}</div>}
        <h1>{title}</h1>
        {below && <p>{below}</p>}
      </div>
      {children && <div className="buttons">{children}</div>}
    </div>
  )
}

export function megabytes(bytes: number): string {
  const mega = bytes / 1024 / 1024
  return mega >= 1024
    ? `${(mega / 1024).toFixed(1)} GB`
    : `${mega >= 10 ? Math.round(mega) : mega.toFixed(1)} MB`
}

export const plural = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`
