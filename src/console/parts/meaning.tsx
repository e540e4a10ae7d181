/** What a word means, told on hover, to whoever gets there by keyboard, and by a tap; Esc hides it. */
import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { place } from './place-tip.ts'

export function Meaning({ children, text }: { children: ReactNode; text: string }) {
  const id = useId()
  const button = useRef<HTMLButtonElement>(null)
  const tip = useRef<HTMLSpanElement>(null)
  const [isShown, setShown] = useState(false)
  useEffect(() => {
    const [element, about] = [tip.current, button.current]
    if (!isShown || !element || !about) return
    place(element, about)
    const elsewhere = (event: PointerEvent) => {
      if (!about.contains(event.target as Node) && !element.contains(event.target as Node)) setShown(false)
    }
    const hide = () => setShown(false)
    addEventListener('pointerdown', elsewhere)
    addEventListener('scroll', hide, true)
    return () => {
      removeEventListener('pointerdown', elsewhere)
      removeEventListener('scroll', hide, true)
      element.hidePopover()
    }
  }, [isShown])
  const byMouse = (shown: boolean) => (event: React.PointerEvent) => {
    if (event.pointerType === 'mouse') setShown(shown)
  }
  return (
    <span className="meaning" onPointerEnter={byMouse(true)} onPointerLeave={byMouse(false)}>
      <button
        ref={button}
        type="button"
        aria-describedby={id}
        onClick={(event) => {
          const isTap = (event.nativeEvent as PointerEvent).pointerType === 'touch'
          setShown(isTap ? !isShown : true)
        }}
        onFocus={(event) => event.target.matches(':focus-visible') && setShown(true)}
        onBlur={() => setShown(false)}
        onKeyDown={(event) => event.key === 'Escape' && setShown(false)}
      >
        {children}
        <span aria-hidden="true" className="asks">
          ?
        </span>
      </button>
      <span ref={tip} id={id} role="tooltip" popover="manual" className="tip">
        {text}
      </span>
    </span>
  )
}
