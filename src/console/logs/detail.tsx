import { useState } from 'react'
import { exact } from '../parts/time.tsx'
import type { Line } from './use-lines.ts'

/** One line, whole: JSON unfolded, and an address that leads back to it. */
export function Detail({ line, close }: { line: Line; close: () => void }) {
  const [isCopied, setCopied] = useState(false)
  const { at, instance, release, stream, fields, plain } = line
  return (
    <section className="log-detail card" aria-label="The chosen line">
      <header>
        <span className="soft">
          {exact(at)} · <span className="mono">{instance}</span> · v{release} · {stream}
        </span>
        <span className="buttons">
          <button
            type="button"
            className="button"
            onClick={() => {
              void navigator.clipboard?.writeText(location.href).then(() => setCopied(true))
              setTimeout(() => setCopied(false), 1500)
            }}
          >
            {isCopied ? 'Copied' : 'Copy link'}
          </button>
          <button
            type="button"
            className="button"
            data-tone="quiet"
            aria-label="Close the line"
            onClick={close}
          >
            ✕
          </button>
        </span>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard */}
      <pre className="lines" tabIndex={0}>
        {fields ? JSON.stringify(fields, null, 2) : plain}
      </pre>
    </section>
  )
}
