import type { ReleaseDifference } from '../../api/releases.ts'

/** What is gone and what comes, by word and sign as well as by colour. */
export function Differences({ differences }: { differences: readonly ReleaseDifference[] }) {
  if (differences.length === 0) return <p className="soft">Nothing: both are the same.</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
    <section className="differences" tabIndex={0} aria-label="What differs">
      {differences.map(({ kind, name, before, after }) => (
        <div key={`${kind} ${name}`} className="difference">
          <p>
            <span className="tag">{kind}</span> <strong className="mono">{name}</strong>
          </p>
          {before !== null && (
            <p className="mono before">
              <span className="hidden-visually">before: </span>− {shown(kind, before)}
            </p>
          )}
          {after !== null && (
            <p className="mono after">
              <span className="hidden-visually">after: </span>+ {shown(kind, after)}
            </p>
          )}
        </div>
      ))}
    </section>
  )
}

/** The first letters of a digest say as much as all of them. */
const shown = (kind: string, text: string) =>
  kind === 'code' ? text.replace(/\b[0-9a-f]{40,64}\b/g, (digest) => digest.slice(0, 12)) : text
