import { createHash, randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Manifest, readBackup, writeBackup } from './file.ts'

const MADE = { madeBy: '1.2.3', madeAt: '2026-01-02T03:04:05.000Z' }
const PASSPHRASE = 'correct horse battery'
/** scrypt's cost: what is tested here is not how long a guess takes. */
const CHEAP = 4
const HEAVY = randomBytes(700_001)

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function* parts() {
  yield {
    name: 'small',
    async *files() {
      yield { name: 'empty', content: [] }
      yield { name: 'a/greeting', content: [Buffer.from('hello '), Buffer.alloc(0), Buffer.from('world')] }
    },
    about: () => ({ note: 'two files' }),
  }
  yield {
    name: 'heavy',
    async *files() {
      for (let count = 0; count < 300; count += 1)
        yield { name: `many/${count}`, content: [Buffer.from([count])] }
      yield { name: 'heavy', content: [HEAVY] }
    },
    about: () => ({}),
  }
}

async function* once(bytes: Uint8Array, pieces = 65_536) {
  for (let at = 0; at < bytes.length; at += pieces) yield bytes.subarray(at, at + pieces)
}

const read = (
  bytes: Uint8Array,
  options: { passphrase?: string; take?: Parameters<typeof readBackup>[1]['take']; pieces?: number } = {},
) =>
  readBackup(once(bytes, options.pieces), {
    name: 'x.tow',
    version: '1.2.3',
    passphrase: options.passphrase ?? PASSPHRASE,
    ...(options.take ? { take: options.take } : {}),
  })

let whole: Buffer

beforeAll(async () => {
  const chunks: Buffer[] = []
  for await (const chunk of writeBackup(parts(), PASSPHRASE, MADE, CHEAP)) chunks.push(chunk)
  whole = Buffer.concat(chunks)
})

describe('the file of a backup', () => {
  test('gives back every file in its order, and the list of its parts', async () => {
    const seen: string[] = []
    const manifest = await read(whole, {
      pieces: 999,
      async take(part, file, content) {
        const got: Uint8Array[] = []
        if (file === 'many/7') return
        for await (const chunk of content) got.push(chunk)
        seen.push(`${part}:${file}:${digest(Buffer.concat(got))}`)
      },
    })
    expect(seen).toHaveLength(302)
    expect(seen[1]).toBe(`small:a/greeting:${digest(Buffer.from('hello world'))}`)
    expect(seen.at(-1)).toBe(`heavy:heavy:${digest(HEAVY)}`)
    expect(manifest).toMatchObject({
      ...MADE,
      parts: [
        { name: 'small', files: 2, bytes: 11, about: { note: 'two files' } },
        { name: 'heavy', files: 301, bytes: 300 + HEAVY.length },
      ],
    } satisfies Record<keyof Manifest, unknown>)
  })

  test('tells a wrong passphrase from a damaged file', async () => {
    await expect(read(whole, { passphrase: `${PASSPHRASE}!` })).rejects.toMatchObject({
      message: 'the passphrase is not the one that x.tow was sealed with',
    })
  })

  test('takes a passphrase in whichever Unicode form a system writes it', async () => {
    const chunks: Buffer[] = []
    for await (const chunk of writeBackup(parts(), 'grünes Wasser', MADE, CHEAP)) chunks.push(chunk)
    await read(Buffer.concat(chunks), { passphrase: 'gru\u0308nes Wasser' })
  })

  test('that is cut off anywhere is never taken for whole', async () => {
    const header = whole.indexOf(10) + 1
    const places = [0, 10, header, header + 1, header + 256 * 1024 + 16, whole.length - 1]
    for (const place of places) {
      await expect(read(whole.subarray(0, place)), String(place)).rejects.toMatchObject({
        message: /^x\.tow (is not a backup|ends too early)/,
      })
    }
  })

  test('that was changed, or has its pieces in another order, is never taken for whole', async () => {
    const header = whole.indexOf(10) + 1
    const piece = 256 * 1024 + 16
    const swapped = Buffer.concat([
      whole.subarray(0, header),
      whole.subarray(header + piece, header + 2 * piece),
      whole.subarray(header, header + piece),
      whole.subarray(header + 2 * piece),
    ])
    expect(swapped.length).toBe(whole.length)
    await expect(read(swapped)).rejects.toMatchObject({ message: /changed or damaged/ })
    for (const place of [header + 5, header + piece + 5, whole.length - 5]) {
      const changed = Buffer.from(whole)
      changed[place] = changed[place]! ^ 0x40
      await expect(read(changed), String(place)).rejects.toMatchObject({ code: 'FAILED' })
    }
    const later = Buffer.from(whole.toString('latin1').replace('2026', '2027'), 'latin1')
    await expect(read(later)).rejects.toMatchObject({ code: 'FAILED' })
  })

  test('of another program, or of a newer version, is named as what it is', async () => {
    await expect(read(Buffer.from('PK\u0003\u0004 something\n'))).rejects.toMatchObject({
      message: 'x.tow is not a backup made by tow backup',
    })
    await expect(read(randomBytes(5000))).rejects.toMatchObject({ message: /is not a backup/ })
    const newer = Buffer.from('{"towpathBackup":2,"madeBy":"9.0.0"}\nwhatever')
    await expect(read(newer)).rejects.toMatchObject({
      message: 'x.tow was made by Towpath 9.0.0, which this version, 1.2.3, can’t read',
      hint: 'install Towpath 9.0.0 or newer, and try again',
    })
  })

  test('that asks for more memory than any of ours is no backup', async () => {
    const header = JSON.parse(whole.subarray(0, whole.indexOf(10)).toString())
    const greedy = Buffer.from(`${JSON.stringify({ ...header, cost: 40 })}\n`)
    await expect(read(greedy)).rejects.toMatchObject({ message: /is not a backup/ })
  })

  test('breaks off where what it reads breaks off', async () => {
    async function* failing() {
      yield {
        name: 'bad',
        async *files() {
          yield { name: 'one', content: [Buffer.from('x')] }
          throw new Error('the disk went away')
        },
        about: () => ({}),
      }
    }
    const writing = async () => {
      for await (const _ of writeBackup(failing(), PASSPHRASE, MADE, CHEAP));
    }
    await expect(writing()).rejects.toThrow('the disk went away')
  })
})
