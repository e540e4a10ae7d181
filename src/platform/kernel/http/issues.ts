/** What is wrong with an input, in one sentence that names each place and what was found there. */
interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const SHOWN = 5
const LONGEST_VALUE = 60
/** Of one sentence: some repeat every key that they were given. */
const LONGEST_SENTENCE = 400

export function describeIssues(issues: readonly Issue[], input: unknown): string {
  const sentences = issues.slice(0, SHOWN).map((issue) => shortened(describeIssue(issue, input)))
  const rest = issues.length - sentences.length
  return sentences.join('; ') + (rest > 0 ? `; and ${rest} more` : '')
}

function describeIssue(issue: Issue, input: unknown): string {
  const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  const place = path.length > 0 ? path.map(String).join('.') : 'the input'
  const value = valueAt(input, path)
  if (value === undefined && path.length > 0) return `${place} is missing`
  return `${place}${shown(value, path)} is not accepted: ${issue.message.replace(/^Invalid input: /, '')}`
}

const shortened = (sentence: string) =>
  sentence.length > LONGEST_SENTENCE ? `${sentence.slice(0, LONGEST_SENTENCE)} …` : sentence

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key]
  return value
}

/** Config values may be secrets: what stands under `value` is never repeated. */
function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (path.includes('value')) return ''
  if (typeof value === 'string' && value.length <= LONGEST_VALUE) return ` ${JSON.stringify(value)}`
  if (typeof value === 'number' || typeof value === 'boolean') return ` ${value}`
  return ''
}
