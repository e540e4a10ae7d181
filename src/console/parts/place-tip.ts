const EDGE = 8
const GAP = 4

/** Shows it above everything else: below what it is about, or above where there is no room, and never beyond the window. */
export function place(tip: HTMLElement, about: Element): void {
  tip.showPopover()
  const { left, top, bottom } = about.getBoundingClientRect()
  const most = document.documentElement.clientWidth - tip.offsetWidth - EDGE
  const isLow = bottom + GAP + tip.offsetHeight > innerHeight - EDGE
  tip.style.left = `${Math.max(EDGE, Math.min(left, most))}px`
  tip.style.top = `${isLow ? Math.max(EDGE, top - tip.offsetHeight) : bottom}px`
}
