/** Tests of the console: a platform with an app of its own, a real browser, and no complaint of either in any of them. */
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { openConsole } from '../../src/platform/console-folder.ts'
import { findChromium, NO_CHROMIUM, openChromium } from '../chromium.ts'
import { openPage, openWorld, signIn, type World } from './world.ts'

export interface Console {
  world: World
  browser: Browser
  /** Nobody is signed in with it in the beginning. */
  page: Page
  /** What the browser has against the console so far. */
  complaints: string[]
  main: () => Locator
  dialog: () => Locator
  goto(path: string): Promise<void>
  /** To what is asked, which names the command that does the same. */
  agree(verb: string, command: string): Promise<void>
  /** What was done is said. */
  told(text: string | RegExp): Promise<void>
  /** The way back that is offered then. */
  undo(name: string): Promise<void>
  signIn(): Promise<void>
}

/** `server`: what the app runs. */
export function describeConsole(
  title: string,
  tests: (console: Console) => void,
  { server }: { server?: string } = {},
): void {
  const executable = findChromium()
  describe.skipIf(!executable)(executable ? title : `${title} (${NO_CHROMIUM})`, { timeout: 180_000 }, () => {
    const opened = {} as Console
    beforeAll(async () => {
      const world = await openWorld(server)
      Object.assign(opened, { world })
      await openConsole()()
      const browser = await openChromium(executable!)
      Object.assign(opened, { browser })
      const { page, complaints } = await openPage(browser)
      const dialog = () => page.getByRole('dialog')
      Object.assign(opened, {
        ...{ page, complaints, dialog },
        main: () => page.getByRole('main'),
        agree: async (verb: string, command: string) => {
          await dialog().getByText(command, { exact: true }).waitFor()
          await dialog().getByRole('button', { name: verb, exact: true }).click()
          await dialog().waitFor({ state: 'detached' })
        },
        told: (text: string | RegExp) =>
          page.getByRole('status', { name: 'What was done' }).getByText(text).waitFor(),
        undo: (name: string) => page.getByRole('button', { name, exact: true }).click(),
        goto: (path: string) => page.goto(world.client.url + path),
        signIn: () => signIn(page, world.client),
      })
    }, 180_000)
    afterEach(() => expect(opened.complaints?.splice(0)).toEqual([]))
    afterAll(async () => {
      await opened.browser?.close()
      await opened.world?.close()
    }, 120_000)
    tests(opened)
  })
}
