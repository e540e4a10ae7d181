import { type ReactNode, useLayoutEffect, useRef } from 'react'

/** A dialog over the page. The focus goes back to where it was, or to the page where that is gone. */
export function Modal({
  close,
  className,
  label,
  labelledBy,
  children,
}: {
  close: () => void
  className?: string
  label?: string
  labelledBy?: string
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const before = document.activeElement
    const element = dialog.current!
    element.showModal()
    element.querySelector<HTMLElement>('[data-first]')?.focus()
    return () => {
      element.close()
      const isThere = before instanceof HTMLElement && before.isConnected && before !== document.body
      const back = isThere ? before : document.getElementById('main')
      back?.focus({ preventScroll: true })
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself
    <dialog
      ref={dialog}
      className={className}
      aria-label={label}
      aria-labelledby={labelledBy}
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      {children}
    </dialog>
  )
}
