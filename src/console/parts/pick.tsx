/** One of several, or all: a filter whose choice stands in the address. */
export function Pick({
  label,
  value,
  of,
  set,
}: {
  label: string
  value: string | undefined
  of: readonly string[]
  /** Empty for all. */
  set: (value: string) => void
}) {
  // What the address says stays to be seen, also where it is not among them any more.
  const options = [...new Set([...(value ? [value] : []), ...of])]
  return (
    <label className="field">
      {label}
      <select value={value ?? ''} onChange={(event) => set(event.target.value)}>
        <option value="">all</option>
        {options.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  )
}
