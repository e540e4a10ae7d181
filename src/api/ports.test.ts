import { expect, test } from 'vitest'
import { isRefusedByBrowsers } from './ports.ts'

test('a port is refused here exactly where fetch refuses it', async () => {
  for (const port of [22, 4045, 4190, 5060, 6000, 6667, 10_080]) {
    const error = await fetch(`http://127.0.0.1:${port}`).catch((cause: Error) => cause)
    expect((error as Error & { cause: Error }).cause.message).toBe('bad port')
    expect(isRefusedByBrowsers(port)).toBe(true)
  }
  for (const port of [4100, 5059, 5062, 6001, 7370]) expect(isRefusedByBrowsers(port)).toBe(false)
})
