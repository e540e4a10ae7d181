import { expect, test } from 'vitest'
import { readAddress } from './address.ts'

const read = (url: string, headers: Record<string, string> = {}, plain = false) =>
  readAddress(url, headers, plain)

test('an OTLP address without a path is given the standard one, and one with a path is left alone', () => {
  expect(read('https://otel.example.com')).toMatchObject({ url: 'https://otel.example.com/v1/logs' })
  expect(read('https://example.com/otlp/v1/logs')).toMatchObject({ url: 'https://example.com/otlp/v1/logs' })
})

test('what could be a credential is sent and never shown', () => {
  const address = read('https://ada:s3cr%40t@example.com/in?api-key=hidden#x')
  expect(address).toMatchObject({
    url: 'https://example.com/in?api-key=hidden',
    shown: 'https://example.com/in?…',
    headers: { authorization: `Basic ${Buffer.from('ada:s3cr@t').toString('base64')}` },
  })
  expect(() => read('https://a:b@example.com', { Authorization: 'x' })).toThrow('one of them is enough')
})

test('syslog has a host and a port', () => {
  expect(read('syslog+tls://logs.example.com')).toMatchObject({
    host: 'logs.example.com',
    port: 6514,
    tls: true,
  })
  expect(read('syslog+tcp://[::1]:1514')).toMatchObject({ host: '::1', port: 1514, tls: false })
  expect(() => read('syslog+tls://logs.example.com/path')).toThrow('nothing else')
  expect(() => read('syslog+tls://token@logs.example.com')).toThrow('nothing else')
  expect(() => read('syslog+tls://logs.example.com', { a: 'b' })).toThrow('no headers')
})

test('nothing travels in the clear to another machine unless that was asked for', () => {
  for (const url of [
    'http://example.com',
    'syslog+tcp://example.com',
    'http://127.example.com',
    'http://10.0.0.1',
  ]) {
    expect(() => read(url)).toThrow('would travel unencrypted')
    expect(read(url, {}, true)).toBeDefined()
  }
  for (const url of ['http://localhost:4318', 'http://127.0.0.1', 'http://[::1]:4318'])
    expect(read(url)).toBeDefined()
})

test('what is no address is refused without being repeated, for it may hold a secret', () => {
  for (const url of ['s3cret', 'ftp://user:s3cret@host', 'syslog+tls://', 'file:///s3cret'])
    expect(() => read(url)).toThrow(/^(?!.*s3cret)/)
})
