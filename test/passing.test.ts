/** Apps that lose the space they were asked in, and one that keeps it: the real command, real processes, `tow doctor`. */
import { get } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckResult } from '../src/api/environments.ts'
import { writePassingApps } from './passing-apps.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let folder: string

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'shop')
  await writePassingApps(folder)
  for (const words of [['ship'], ['spaces', 'add', 'mine', '--apps', 'inner']]) {
    const ended = await ann.tow(words, { cwd: folder })
    expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  }
}, 120_000)
afterAll(() => ann?.leave(), 120_000)

function page(address: string): Promise<string> {
  const { hostname, port, searchParams } = new URL(address)
  const headers = { host: `${hostname}:${port}`, 'tow-preview': searchParams.get('tow-preview') ?? '' }
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/', headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      answer.on('end', () => resolve(text))
    }).on('error', reject)
  })
}

async function doctor(): Promise<CheckResult[]> {
  const { stdout } = await ann.tow(['doctor', '--json'], { cwd: folder })
  return (JSON.parse(stdout) as CheckResult[]).filter(({ name }) => name === 'baggage of spaces')
}

test('tow doctor names who loses the space and the call, and says nothing against who keeps it', async () => {
  const { stdout } = await ann.tow(['spaces', 'show', 'mine'], { cwd: folder })
  const link = (app: string) => new RegExp(`http://${app}--mine\\S+`).exec(stdout)![0]
  for (let time = 0; time < 3; time++) {
    expect(await page(link('keeps'))).toMatch(/^v1 mine\.1/)
  }
  expect(await doctor()).toMatchObject([{ ok: true }])
  for (let time = 0; time < 3; time++) {
    for (const app of ['loses', 'silent']) expect(await page(link(app))).toMatch(/^v1 v1/)
  }
  const found = await doctor()
  expect(found.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^loses in stage loses the space when it calls inner: 3 of 3 calls came without it/,
    ),
    expect.stringMatching(
      /^silent in stage loses the space when it calls inner: it was asked 3 times in a space/,
    ),
  ])
  expect(found[0]).toMatchObject({ ok: false, mend: expect.stringContaining('OTEL_PROPAGATORS') })
}, 60_000)

const check = (...words: string[]) => ann.tow(['spaces', 'check', 'mine', ...words], { cwd: folder })

test('tow spaces check asks apps by their links, and judges these calls alone', async () => {
  // What others lost before is no matter of this one.
  const kept = await check('keeps')
  expect(kept, kept.stderr).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining('keeps in stage passes the space on to inner: 10 of 10 calls carried it'),
  })
  expect(kept.stdout).not.toContain('loses')
  const { exit, stdout } = await check('keeps', 'loses', 'silent', '--json')
  expect({ exit, ...(JSON.parse(stdout) as object) }).toMatchObject({
    exit: 1,
    passings: [
      { from: 'keeps', space: null, to: 'inner', ok: true },
      {
        from: 'loses',
        to: 'inner',
        ok: false,
        message: expect.stringContaining('10 of 10 calls came without it'),
      },
      { from: 'silent', to: 'inner', ok: false },
    ],
  })
}, 60_000)

test('a test suite is run with links of the space, its own failure counts, and seeing nothing is no success', async () => {
  const ask = (variable: string) =>
    `node -e "const link = new URL(process.env.${variable}); require('node:http').get({ host: '127.0.0.1', port: link.port, headers: { host: link.host, 'tow-preview': link.searchParams.get('tow-preview') } }, (answer) => answer.resume())"`
  expect(await check('--run', ask('TOW_LINK_KEEPS'))).toMatchObject({ exit: 0 })
  expect(await check('--run', ask('TOW_LINK_LOSES'))).toMatchObject({ exit: 1 })
  expect(await check('--run', 'exit 7')).toMatchObject({ exit: 7 })
  expect(await check('inner')).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining('no call between apps was seen in mine'),
  })
  expect(await check('nobody')).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining('nobody is not entered'),
  })
}, 60_000)
