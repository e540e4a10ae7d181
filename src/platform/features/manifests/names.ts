import { isReserved, NAME_LENGTH, NAME_PATTERN } from '../../../api/names.ts'

/** Whether a text may name an app, an environment or a process. */
export function isName(text: string): boolean {
  return text.length <= NAME_LENGTH && NAME_PATTERN.test(text) && !isReserved(text)
}

/** The nearest allowed name: `My App_2` becomes `my-app-2`. */
export function toName(text: string): string {
  const plain = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  const started = /^[a-z]/.test(plain) && !isReserved(plain) ? plain : plain === '' ? 'app' : `app-${plain}`
  return started.slice(0, NAME_LENGTH).replace(/-+$/, '')
}
