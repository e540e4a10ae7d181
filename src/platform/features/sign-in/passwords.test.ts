import { expect, test } from 'vitest'
import { createPasswords } from './passwords.ts'

test('a password is kept with a salt of its own, by scrypt at the cost that OWASP asks for', {
  timeout: 120_000,
}, async () => {
  const passwords = createPasswords()
  const [one, other] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')]
  expect(one).toMatch(/^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/)
  expect(other).not.toBe(one)
  expect(await passwords.matches('correct horse', one)).toBe(true)
  expect(await passwords.matches('correct horsf', one)).toBe(false)
})

test('a password that was kept at another cost still fits', async () => {
  const before = await createPasswords({ N: 2 ** 10, r: 8, p: 1 }).hash('correct horse')
  const later = createPasswords({ N: 2 ** 11, r: 8, p: 1 })
  expect(await later.matches('correct horse', before)).toBe(true)
})

test('letters are the same however a keyboard composes them', async () => {
  const passwords = createPasswords({ N: 2 ** 10, r: 8, p: 1 })
  expect(await passwords.matches('cafe\u0301 au lait', await passwords.hash('café au lait'))).toBe(true)
})

test('without a hash nothing fits', async () => {
  const passwords = createPasswords({ N: 2 ** 10, r: 8, p: 1 })
  expect(await passwords.matches('', null)).toBe(false)
  expect(await passwords.matches('correct horse', null)).toBe(false)
})

test('whoever finds too many waiting is told to come again', async () => {
  const passwords = createPasswords({ N: 2 ** 10, r: 8, p: 1 })
  const all = await Promise.allSettled(Array.from({ length: 40 }, () => passwords.hash('correct horse')))
  const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
  expect(refused).toEqual(Array.from({ length: 6 }, () => 'TOO_MANY'))
  await passwords.hash('correct horse')
})
