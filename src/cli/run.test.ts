import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const MAIN = new URL('./main.ts', import.meta.url).pathname
let home: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-cli-'))
})
afterAll(() => rm(home, { recursive: true, force: true }))

interface Ended {
  exit: number
  stdout: string
  stderr: string
}

function tow(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, TOW_HOME: home, HOME: home }
    execFile(process.execPath, [MAIN, ...args], { env, cwd: home }, (error, stdout, stderr) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr })
    })
  })
}

describe('a mistake at the command line', () => {
  test('an unknown command ends with 2 and a suggestion', async () => {
    const { exit, stdout, stderr } = await tow('shpi')
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    expect(stderr).toContain('there is no command "shpi"')
    expect(stderr).toContain('tow ship')
  })

  test('a command like none gets the overview as its hint', async () => {
    const { exit, stderr } = await tow('kubernetes')
    expect(exit).toBe(2)
    expect(stderr).toContain('tow --help')
  })

  test('an unknown option ends with 2 and names it', async () => {
    const { exit, stderr } = await tow('ps', '--everything')
    expect(exit).toBe(2)
    expect(stderr).toContain("unknown option '--everything'")
  })

  test('a missing argument ends with 2 and the way to help', async () => {
    const { exit, stderr } = await tow('config', 'set')
    expect(exit).toBe(2)
    expect(stderr).toContain('tow config set --help')
  })

  test('without a platform, the command that starts one is named', async () => {
    const { exit, stderr } = await tow('apps')
    expect(exit).toBe(1)
    expect(stderr).toContain('tow up')
  })

  test('with --json the error is data on stdout', async () => {
    const { exit, stdout } = await tow('apps', '--json')
    expect(exit).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'UNAVAILABLE', hint: 'tow up' } })
  })
})

describe('help', () => {
  test('tow alone, tow --help and tow help say the same', async () => {
    const [alone, option, word] = await Promise.all([tow(), tow('--help'), tow('help')])
    expect(alone).toEqual(option)
    expect(word).toEqual(option)
    expect(option.stdout).toContain('tow ship')
    expect(option.exit).toBe(0)
  })

  test('a:b is a b', async () => {
    const [colon, space] = await Promise.all([tow('config:set', '--help'), tow('config', 'set', '--help')])
    expect(colon).toEqual(space)
    expect(colon.stdout).toContain('Examples:')
  })

  test('nothing is coloured where nobody looks', async () => {
    const { stdout } = await tow('--help')
    expect(stdout).not.toContain('\u001b[')
  })
})

test.each(['bash', 'zsh', 'fish'])('completion for %s names the commands', async (shell) => {
  const { exit, stdout } = await tow('completion', shell)
  expect(exit).toBe(0)
  expect(stdout).toContain('rollback')
})

test('completion for bash is a script that bash accepts', async () => {
  const { stdout } = await tow('completion', 'bash')
  await new Promise<void>((resolve, reject) => {
    execFile(
      'bash',
      ['-c', `${stdout}\nCOMP_WORDS=(tow config ''); COMP_CWORD=2; _tow; echo "\${COMPREPLY[@]}"`],
      (error, out) => {
        if (error) return reject(error)
        expect(out.trim().split(' ').sort()).toEqual(['reveal', 'set', 'unset'])
        resolve()
      },
    )
  })
})
