/** Keeps the values of secrets out of what a build writes, also where one arrives in pieces. */
export interface Redactor {
  /** What may be shown now; the end of the text waits while it could be the beginning of a secret. */
  push(text: string): string
  /** The rest. */
  flush(): string
}

/** A shorter value would be found everywhere, and blanking it out would give it away. */
const SHORTEST = 4

export function createRedactor(secrets: Readonly<Record<string, string>>): Redactor {
  const forms = formsOf(secrets)
  let held = ''
  const redact = (text: string) =>
    forms.reduce((shown, [form, name]) => shown.replaceAll(form, `[${name}]`), text)
  return {
    push(text) {
      const whole = redact(held + text)
      const keep = longestBeginning(whole, forms)
      held = whole.slice(whole.length - keep)
      return whole.slice(0, whole.length - keep)
    },
    flush() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** How a value appears in output: as it is, line by line, in base64, in a URL and in JSON. Longest first. */
export function formsOf(secrets: Readonly<Record<string, string>>): [form: string, name: string][] {
  const forms = new Map<string, string>()
  for (const [name, value] of Object.entries(secrets)) {
    const candidates = [
      value,
      ...value.split(/\r?\n/).map((line) => line.trim()),
      Buffer.from(value).toString('base64'),
      Buffer.from(value).toString('base64url'),
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
    ]
    for (const form of candidates) if (form.length >= SHORTEST) forms.set(form, name)
  }
  return [...forms].sort(([left], [right]) => right.length - left.length)
}

/** Length of the longest end of the text that one of the forms begins with. */
function longestBeginning(text: string, forms: readonly [string, string][]): number {
  let longest = 0
  for (const [form] of forms) {
    const first = form.charAt(0)
    const earliest = Math.max(0, text.length - form.length + 1)
    for (let at = text.indexOf(first, earliest); at >= 0; at = text.indexOf(first, at + 1)) {
      const length = text.length - at
      if (length <= longest) break
      if (form.startsWith(text.slice(at))) longest = length
    }
  }
  return longest
}
