/** What nobody should ever send: inputs that are nearly what an operation wants, spoilt somewhere; and raw bytes. */
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'

/** JSON Schema, as far as inputs of operations use it. */
export interface Schema {
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  propertyNames?: Schema
  additionalProperties?: Schema | boolean
  pattern?: string
  format?: string
  minimum?: number
  maximum?: number
}

/** What JSON.stringify would not write, or nobody wants to read when a test fails; `toJson` puts it in. */
const LITERALS: Record<string, string> = {
  '<1e999>': '1e999',
  '<deep>': `${'['.repeat(5000)}1${']'.repeat(5000)}`,
  '<deeper>': `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  '<many>': `[${'0,'.repeat(3000)}0]`,
  '<prototype>': '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}',
  '<methods>': '{"toString":1,"valueOf":2,"then":3,"toJSON":4,"length":-1}',
  '<twice>': '{"a":1,"a":2}',
  '<open>': '['.repeat(100_000),
}

/** Texts that break programs: for a query, a path, a header and a field alike. */
export const badText = fc.constantFrom(
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'a\udfffb',
  '\u202e\ufeff',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '..\\..\\x',
  '/',
  '%',
  '%00',
  '%ff',
  "'; drop table events; --",
  '\r\nx-injected: 1',
  'NaN',
  '-1',
  '1e999',
  '9'.repeat(400),
  'x'.repeat(70_000),
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999999999Z',
  '(a+)+$',
  '[',
  '😀'.repeat(300),
)

const badValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: badText },
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(
      null,
      true,
      -1,
      0,
      1.5,
      2 ** 31,
      2 ** 53,
      -(2 ** 63),
      1e308,
      [],
      [null],
      {},
      ...Object.keys(LITERALS).filter((name) => name !== '<open>'),
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.double() },
)

/** What the schema asks for, with the names of things that exist. */
function wellFormed(schema: Schema, name: string, known: Record<string, string[]>): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return fc.oneof(...alternatives.map((one) => wellFormed(one, name, known)))
  const names = known[name]
  if (schema.type === 'string' && names) return fc.constantFrom(...names)
  switch (schema.type) {
    case 'string':
      if (schema.format === 'date-time')
        return fc.constantFrom('2023-11-14T22:13:20Z', '2026-01-01T00:00:00Z')
      return schema.pattern ? fc.stringMatching(new RegExp(schema.pattern)) : fc.string({ maxLength: 30 })
    case 'integer':
    case 'number':
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 100, 100_000) })
    case 'boolean':
      return fc.boolean()
    case 'array':
      return fc.array(wellFormed(schema.items ?? {}, name, known), { maxLength: 3 })
    case 'object': {
      if (schema.properties) {
        const fields = Object.entries(schema.properties)
        return fc.record(Object.fromEntries(fields.map(([key, one]) => [key, wellFormed(one, key, known)])), {
          requiredKeys: schema.required ?? [],
        })
      }
      const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
      return fc.dictionary(
        wellFormed(schema.propertyNames ?? { type: 'string' }, 'key', known) as fc.Arbitrary<string>,
        wellFormed(values, 'value', known),
        { maxKeys: 3 },
      )
    }
    default:
      return fc.constantFrom<unknown>('x', 1, null)
  }
}

/** A well-formed input with one place of it spoilt, one taken away or one too many. */
export function spoilt(schema: Schema, known: Record<string, string[]>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      wellFormed(schema, '', known),
      fc.nat(),
      badValue,
      fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'none'),
    )
    .map(([input, at, value, how]) => spoil(structuredClone(input), at, value, how))
}

function spoil(input: unknown, at: number, value: unknown, how: string): unknown {
  const places = placesOf(input)
  const place = places[at % Math.max(1, places.length)]
  if (!place) return how === 'none' ? input : value
  const { holder, key } = place
  if (how === 'remove') delete holder[key]
  else if (how === 'replace') holder[key] = value
  else if (how === 'add') {
    const unexpected = ['__proto__', 'constructor', 'x\0'][at % 3]!
    Object.defineProperty(holder, unexpected, { value, enumerable: true, configurable: true, writable: true })
  }
  return input
}

type Holder = Record<string, unknown>

function placesOf(value: unknown, found: { holder: Holder; key: string }[] = []) {
  if (typeof value !== 'object' || value === null) return found
  for (const key of Object.keys(value)) {
    found.push({ holder: value as Holder, key })
    placesOf((value as Holder)[key], found)
  }
  return found
}

export function toJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.replace(/"(<[\w]+>)"/g, (whole, name: string) => LITERALS[name] ?? whole)
}

/** As it stands in a query or a path. */
export const toText = (value: unknown) =>
  typeof value === 'string' && !(value in LITERALS) ? value : toJson(value ?? null)

/** Bodies that are no JSON, whatever their header says. */
export const badBody = fc.oneof(
  fc.constantFrom('', '{', '{"a":', '[', 'nul', '"\\ud800', '\0', '{"a":1}{"b":2}', '\ufeff{}', "{'a':1}"),
  fc.constantFrom('"<open>"', '"<deeper>"').map((literal) => toJson(JSON.parse(literal))),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
)

export const contentType = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-16',
  'application/JSON;charset=utf-8;charset=latin1',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'multipart/form-data',
  'application/octet-stream',
  'application/vnd.towpath.blobs',
  'application/x-git-receive-pack-request',
  'text/event-stream',
  '/',
  'x',
  '',
)

export interface Knock {
  method: string
  /** As it stands in the request line. */
  path: string
  headers?: Record<string, string>
  body?: string | Uint8Array
}

export interface Heard {
  status: number
  type: string
  /** Of a stream: nothing. */
  text: string
}

const HANGS_AFTER = 20_000

/** One request on a connection of its own, its path untouched. A stream is left at once. */
export function knock(url: string, { method, path, headers = {}, body }: Knock): Promise<Heard> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => ends(new Error(`no answer to ${method} ${path.slice(0, 200)}`)),
      HANGS_AFTER,
    )
    const asked = httpRequest({
      hostname,
      port,
      method,
      path,
      headers: {
        host: `${hostname}:${port}`,
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
      agent: false,
    })
    function ends(error: Error) {
      clearTimeout(late)
      asked.destroy()
      reject(error)
    }
    asked.on('error', ends)
    asked.on('response', (response) => {
      const type = response.headers['content-type'] ?? ''
      const done = (text: string) => {
        clearTimeout(late)
        asked.destroy()
        resolve({ status: response.statusCode ?? 0, type, text })
      }
      if (type.startsWith('text/event-stream')) return done('')
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => done(Buffer.concat(chunks).toString()))
      response.on('error', ends)
    })
    asked.end(body)
  })
}

/** Bytes as they are; answers with all that came back until the other side ended, or went silent for a moment. */
export function knockRaw(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    const late = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no answer to ${JSON.stringify(String(bytes).slice(0, 200))}`))
    }, HANGS_AFTER)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      resolve(answer)
    })
  })
}
