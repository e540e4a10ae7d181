/** Of many rows of one height, those that can be seen: however many there are, few are in the page. */
import { type RefObject, useLayoutEffect, useState } from 'react'

/** Rows above and below that are there already. */
const AHEAD = 12

interface Range {
  first: number
  last: number
}

/** `box`: what scrolls; null for the page itself, in which the rows begin at `list`. */
export function useWindow(
  list: RefObject<HTMLElement | null>,
  { count, height, box }: { count: number; height: number; box: RefObject<HTMLElement | null> | null },
): Range {
  const [range, setRange] = useState<Range>({ first: 0, last: 60 })
  useLayoutEffect(() => {
    const scroller: HTMLElement | Window | null = box ? box.current : window
    if (!scroller) return
    function look() {
      const element = list.current
      if (!element) return
      const view = box?.current ? box.current.clientHeight : innerHeight
      const above = box?.current ? box.current.scrollTop : -element.getBoundingClientRect().top
      // In steps, so that not every pixel renders anew.
      const first = Math.max(0, Math.floor(above / height / 4) * 4 - AHEAD)
      const last = Math.min(count, Math.ceil((above + view) / height / 4) * 4 + AHEAD)
      setRange((before) => (before.first === first && before.last === last ? before : { first, last }))
    }
    look()
    scroller.addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    return () => {
      scroller.removeEventListener('scroll', look)
      removeEventListener('resize', look)
    }
  }, [list, box, count, height])
  return { first: Math.min(range.first, count), last: Math.min(Math.max(range.last, range.first), count) }
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches)
  useLayoutEffect(() => {
    const list = matchMedia(query)
    const look = () => setMatches(list.matches)
    look()
    list.addEventListener('change', look)
    return () => list.removeEventListener('change', look)
  }, [query])
  return matches
}
