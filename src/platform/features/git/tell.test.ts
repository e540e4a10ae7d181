import { describe, expect, test } from 'vitest'
import { clean, createTeller } from './tell.ts'

const ESCAPE = String.fromCharCode(27)

describe('what a build wrote, in another machine’s terminal', () => {
  test.each([
    ['moves no cursor', `a${ESCAPE}[2Jb${ESCAPE}[1;1Hc`, 'abc'],
    ['sets no title and rings no bell', `${ESCAPE}]0;mine\u0007b`, ']0;mineb'],
    ['keeps its colours', `${ESCAPE}[31mred${ESCAPE}[0m`, `${ESCAPE}[31mred${ESCAPE}[0m`],
    ['shows a line that was drawn over as it ended', '10 %\r50 %\r100 %\r', '100 %'],
    ['keeps its tabs', 'a\tb', 'a\tb'],
    ['is cut where it is endless', 'x'.repeat(1000), 'x'.repeat(400)],
  ])('%s', (_, written, shown) => {
    expect(clean(written)).toBe(shown)
  })

  test('comes in whole lines however it was cut, and an unfinished one at the end', () => {
    const tell = createTeller()
    const output = (text: string) => tell({ type: 'build-output', app: 'api', text })
    expect(output('comp')).toEqual([])
    expect(output('iled\n\nne')).toEqual(['  api │ compiled'])
    const ended = tell({ type: 'ship', ship: shipOf('built') })
    expect(ended).toEqual(['  api │ ne', '› api  built'])
    expect(tell({ type: 'ship', ship: shipOf('built') })).toEqual([])
  })
})

function shipOf(state: 'built') {
  const app = { app: 'api', state, build: 'b_1', release: null, rollout: null, urls: [], error: null }
  return {
    id: 's_1',
    environment: 'stage',
    space: null,
    tree: '0'.repeat(64),
    origin: {},
    by: 'ada',
    state: 'running' as const,
    apps: [app],
    createdAt: new Date(0).toISOString(),
    endedAt: null,
  }
}
