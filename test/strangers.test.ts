/** A repository that has never heard of Towpath is live one command later, and nothing is asked. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/api/apps.ts'
import { hasTool, makeStranger, STRANGERS } from './strangers.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person

beforeAll(async () => {
  ann = await newPerson()
})
afterAll(() => ann?.leave(), 120_000)

describe('tow ship in a repository of other people’s style', { timeout: 240_000 }, () => {
  for (const stranger of STRANGERS) {
    test(`${stranger.name}: ends with a working URL`, async ({ skip }) => {
      if (!(await hasTool(stranger.tool))) return skip(`${stranger.tool} is not on this machine`)
      const folder = join(ann.folder, stranger.name)
      await makeStranger(folder, stranger)
      const { exit, stdout, stderr } = await ann.tow(['ship'], { cwd: folder })
      if (/registry|network|resolve|ENOTFOUND|Temporary failure/i.test(stderr) && exit !== 0) {
        return skip('no package registry is reachable from here')
      }
      expect({ exit, stderr }).toMatchObject({ exit: 0 })
      expect(stdout.trim()).toMatch(/^http:\/\/\S+$/)
      const app = (await ann.ask<App[]>(['apps'])).find(({ name }) => name === stranger.name)
      const url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
      expect(await (await fetch(url)).text()).toBe(stranger.answer)
    })
  }
})
