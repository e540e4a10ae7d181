import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findChromium, NO_CHROMIUM, openChromium } from '../../../../../test/chromium.ts'
import { contract } from '../../../../api/contract.ts'
import { PERMISSIONS } from '../../../../api/operation.ts'
import { createLog } from '../../log.ts'
import type { OpenApiDocument } from '../openapi.ts'
import { createServer, type Server } from '../server.ts'
import { operationsOf } from '../table.ts'
import { documentation } from './index.ts'

let server: Server
let url: string
let document: OpenApiDocument

beforeAll(async () => {
  server = createServer({
    router: {},
    authenticator: { authenticate: async () => null, permits: () => false },
    authorize: async () => {},
    onAccessChanged: () => () => {},
    replays: { once: async () => null, collect: async () => 0 },
    log: createLog(() => {}),
    now: () => new Date(),
    mounts: [],
    pages: [documentation('1.2.3')],
  })
  url = await server.listen(0)
  document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument
})
afterAll(() => server?.close())

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document) as never)
    expect(result).toMatchObject({ valid: true })
    expect(document.openapi).toMatch(/^3\.1/)
    expect(document.info.version).toBe('1.2.3')
  })

  test('tells of every operation its summary, permission and error', () => {
    const operations = operationsOf(contract)
    expect(operations.length).toBeGreaterThan(40)
    for (const { path, method, name, meta } of operations) {
      const operation = document.paths[path]?.[method.toLowerCase()]
      expect(operation, name).toMatchObject({
        operationId: name,
        summary: expect.stringMatching(/\S{3}/),
        'x-permission': meta.permission,
        responses: { default: { content: { 'application/json': expect.anything() } } },
      })
      expect(PERMISSIONS).toContain(operation!['x-permission'])
    }
  })

  test('gives every operation a path of its own', () => {
    const doors = operationsOf(contract).map(
      ({ method, path }) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`,
    )
    expect(new Set(doors).size).toBe(doors.length)
  })

  /** Whoever comes in has no permission yet, and whoever leaves needs none. */
  const COMING_AND_GOING = ['signIn.withPassword', 'signIn.accept', 'signIn.signOut']

  test('asks for no permission beyond reading where nothing changes, and for more where something does', () => {
    const others = operationsOf(contract).filter(({ name }) => !COMING_AND_GOING.includes(name))
    const wrong = others.filter(({ meta }) =>
      meta.changes
        ? ['anyone', 'self', 'read'].includes(meta.permission)
        : !['anyone', 'self', 'read'].includes(meta.permission),
    )
    // Reading is everybody's, but for what somebody holds to come in with, and for reaching where the caller says.
    expect(wrong.map(({ name }) => name)).toEqual(['environments.probe', 'spaces.links', 'tokens.listOf'])
  })
})

describe('the page', () => {
  test('names every operation and loads nothing from elsewhere', async () => {
    const response = await fetch(`${url}/docs`)
    const html = await response.text()
    for (const { name } of operationsOf(contract)) expect(html).toContain(`id="${name}"`)
    expect(html).not.toMatch(/<script|src=|@import|https?:\/\/(?!127\.0\.0\.1)/)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  test.for(['light', 'dark'] as const)('can be read in a browser, %s', async (colorScheme, { skip }) => {
    const executable = findChromium()
    if (!executable) return skip(NO_CHROMIUM)
    const browser = await openChromium(executable)
    try {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } })
      const refused: string[] = []
      page.on('console', (message) => refused.push(message.text()))
      await page.goto(`${url}/docs`)
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor')
      expect(background).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(18, 22, 29)')
      await page.locator('[id="releases.rollback"] summary').click()
      expect(await page.locator('[id="releases.rollback"]').textContent()).toContain('withSecrets?: boolean')
      // The policy lets the style sheet in: nothing was refused.
      expect(refused).toEqual([])
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
      expect(await page.evaluate(overflow)).toBe(0)
      await page.setViewportSize({ width: 390, height: 800 })
      expect(await page.evaluate(overflow)).toBe(0)
    } finally {
      await browser.close()
    }
  })
})
