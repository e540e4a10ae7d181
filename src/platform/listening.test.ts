import { expect, test } from 'vitest'
import { mayBuild, readListening, type Typed } from './listening.ts'

const TLS = { 'tls-cert': '/c.pem', 'tls-key': '/k.pem' }

test.each<[string, Typed, Record<string, string>, object | null]>([
  ['nothing asked for is loopback alone', {}, {}, null],
  [
    'TLS, on every address',
    { listen: '0.0.0.0:8700', ...TLS, name: ['Tow.example.com'] },
    {},
    { host: '0.0.0.0', port: 8700, names: ['tow.example.com'], tls: { cert: '/c.pem', key: '/k.pem' } },
  ],
  [
    'the same from the environment',
    {},
    {
      TOW_LISTEN: '[::]:8700',
      TOW_TLS_CERT: '/c.pem',
      TOW_TLS_KEY: '/k.pem',
      TOW_NAMES: 'a.example, b.example',
    },
    { host: '::', port: 8700, names: ['a.example', 'b.example'], tls: { cert: '/c.pem', key: '/k.pem' } },
  ],
  [
    'plain, when it is said',
    { listen: '10.0.0.7:8700', 'insecure-plain-http': true },
    {},
    { host: '10.0.0.7', port: 8700, names: [], tls: null },
  ],
  [
    'another port of loopback needs no TLS',
    { listen: '127.0.0.1:8700' },
    {},
    { host: '127.0.0.1', port: 8700, names: [], tls: null },
  ],
])('%s', (_, typed, env, listening) => {
  expect(readListening(typed, env)).toEqual(listening)
})

test.each<[Typed, string]>([
  [{ listen: '0.0.0.0:8700' }, 'beyond this machine the platform speaks TLS'],
  [{ listen: '0.0.0.0:8700', 'tls-cert': '/c.pem' }, '--tls-key is missing'],
  [{ listen: '0.0.0.0:8700', ...TLS, 'insecure-plain-http': true }, 'say opposite things'],
  [{ listen: '8700' }, '--listen must be an address and a port, not "8700"'],
  [{ listen: 'tow.example.com:8700' }, '--listen must be an address'],
  [{ listen: '0.0.0.0:99999' }, '--listen must be an address'],
  [{ listen: '0.0.0.0:6000', ...TLS }, 'no browser opens port 6000'],
  [{ listen: '0.0.0.0:8700', ...TLS, name: ['tow:8700'] }, '--name must be a host’s name without a port'],
  [TLS, '--tls-cert says nothing without an address'],
  [{ name: ['tow.example.com'] }, '--name says nothing without an address'],
  [{ 'shared-builds': true }, '--shared-builds says nothing without --listen'],
  [{ 'insecure-plain-http': true }, '--insecure-plain-http says nothing without an address'],
])('%j is refused with the way out', (typed, sentence) => {
  expect(() => readListening(typed, {})).toThrow(
    expect.objectContaining({ code: 'USAGE', hint: expect.anything() }),
  )
  expect(() => readListening(typed, {})).toThrow(sentence)
})

test('what others ship is built here only when that was said', () => {
  const beyond = readListening({ listen: '0.0.0.0:8700', ...TLS }, {})
  expect(mayBuild(beyond, {})).toBe(false)
  expect(mayBuild(beyond, { 'shared-builds': true })).toBe(true)
  expect(mayBuild(readListening({ listen: '127.0.0.1:8700' }, {}), {})).toBe(true)
  expect(mayBuild(null, {})).toBe(true)
})
