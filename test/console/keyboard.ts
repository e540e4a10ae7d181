/** What has the focus, as somebody sees it who has a keyboard alone. */
import type { Page } from 'playwright-core'
import type { Console } from './suite.ts'

export interface Focused {
  name: string
  tag: string
  /** Something around it shows that it has the focus. */
  isMarked: boolean
  /** It is inside the window, and nothing lies over it. */
  isSeen: boolean
}

const FOCUSED = `(() => {
  const element = document.activeElement
  if (element === document.body) return { name: '', tag: 'body', isMarked: true, isSeen: true }
  const style = getComputedStyle(element)
  const said = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent
  const { top, bottom, left, right } = element.getBoundingClientRect()
  const [x, y] = [(Math.max(0, left) + Math.min(innerWidth, right)) / 2, (Math.max(0, top) + Math.min(innerHeight, bottom)) / 2]
  const there = document.elementFromPoint(x, y)
  return {
    name: said.trim().replace(/\\s+/g, ' ').slice(0, 120),
    tag: element.tagName.toLowerCase(),
    isMarked: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none',
    isSeen: there !== null && (element.contains(there) || there.contains(element)),
  }
})()`

export const focused = (page: Page): Promise<Focused> => page.evaluate<Focused>(FOCUSED)

const MOST_STOPS = 120

/** By Tab alone, to what is called so. Throws where it is not reached, or a stop on the way can’t be seen. */
export async function tabTo(page: Page, name: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const stops: string[] = []
  while (stops.length < MOST_STOPS) {
    await page.keyboard.press(key)
    const stop = await focused(page)
    if (!stop.isMarked || !stop.isSeen)
      throw new Error(`the focus on ${stop.tag} “${stop.name}” can’t be seen: ${JSON.stringify(stop)}`)
    if (stop.name === name) return
    stops.push(stop.name)
  }
  throw new Error(`Tab did not come to “${name}”, but to ${stops.join(', ')}`)
}

/** What ten fingers do, over the page that is open by then. */
export function createHands(opened: Pick<Console, 'page' | 'dialog'>) {
  const press = (...keys: string[]) =>
    keys.reduce((before, key) => before.then(() => opened.page.keyboard.press(key)), Promise.resolve())
  const type = (text: string) => opened.page.keyboard.type(text)
  return {
    press,
    type,
    nameOfFocus: async () => (await focused(opened.page)).name,
    /** From anywhere, by some letters. */
    async goBy(letters: string) {
      await press('Control+k')
      await type(letters)
      await opened.dialog().getByRole('option').first().waitFor()
      await press('Enter')
    },
  }
}
