/** What a title says on hover is said on a tap too, where there is nothing else to tap. */
import { useEffect, useRef } from 'react'
import { place } from '../parts/place-tip.ts'

const TAKES_TAPS = 'a, button, input, select, label, summary, [role="option"]'

export function Titles() {
  const tip = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const hide = () => {
      if (tip.current?.matches(':popover-open')) tip.current.hidePopover()
    }
    function tapped(event: MouseEvent) {
      hide()
      if ((event as PointerEvent).pointerType !== 'touch' || !(event.target instanceof Element)) return
      const about = event.target.closest('[title]')
      const element = tip.current
      if (!about || !element || event.target.closest(TAKES_TAPS)) return
      element.textContent = about.getAttribute('title')
      place(element, about)
    }
    addEventListener('click', tapped)
    addEventListener('scroll', hide, true)
    return () => {
      removeEventListener('click', tapped)
      removeEventListener('scroll', hide, true)
    }
  }, [])
  return <div ref={tip} role="tooltip" popover="manual" className="tip" />
}
