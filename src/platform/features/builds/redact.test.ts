import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRedactor, formsOf } from './redact.ts'

function redacted(secrets: Record<string, string>, pieces: readonly string[]): string {
  const redactor = createRedactor(secrets)
  return pieces.map((piece) => redactor.push(piece)).join('') + redactor.flush()
}

describe('the output of a build', () => {
  test('shows the name of a secret in place of its value', () => {
    expect(redacted({ TOKEN: 'abcd1234' }, ['the token is abcd1234!'])).toBe('the token is [TOKEN]!')
  })

  test('shows it in no other form: base64, URL, JSON, line by line', () => {
    const value = 'a "quoted"/value\nwith two lines'
    const forms = [
      Buffer.from(value).toString('base64'),
      encodeURIComponent(value),
      JSON.stringify(value),
      value,
    ]
    for (const form of forms) expect(redacted({ KEY: value }, [form])).not.toMatch(/quoted|lines|cXVvdGVk/)
    expect(redacted({ KEY: value }, ['with two lines\n'])).toBe('[KEY]\n')
  })

  test('is not held back longer than it could be the beginning of a secret', () => {
    const redactor = createRedactor({ TOKEN: 'abcd1234' })
    expect(redactor.push('see ab')).toBe('see ')
    expect(redactor.push('out')).toBe('about')
    expect(redactor.flush()).toBe('')
  })

  test('never holds a secret, however it is cut into pieces', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '\n'), minLength: 4, maxLength: 12 })
    fc.assert(
      fc.property(text, fc.array(text), fc.array(fc.nat({ max: 40 })), (secret, around, cuts) => {
        const whole = around.join(secret) + secret
        const pieces = [...cuts, 0, whole.length].sort((left, right) => left - right)
        const cut = pieces.slice(1).map((end, index) => whole.slice(pieces[index], end))
        const shown = redacted({ Z: secret }, cut)
        for (const [form] of formsOf({ Z: secret })) expect(shown).not.toContain(form)
        expect(shown).toContain('[Z]')
      }),
      { numRuns: 500 },
    )
  })
})
