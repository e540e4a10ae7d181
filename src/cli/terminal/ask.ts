/** Questions to a person, without an echo where the answer is a secret. */
import { TowError } from '../../api/errors.ts'

export async function askSecret(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts')
  return given(await password({ message, mask: '•' }), isCancel)
}

export async function askText(message: string, initialValue: string): Promise<string> {
  const { isCancel, text } = await import('@clack/prompts')
  return given(await text({ message, initialValue }), isCancel)
}

function given(answer: string | symbol | undefined, isCancel: (value: unknown) => boolean): string {
  if (isCancel(answer)) throw new TowError('CANCELLED', 'cancelled')
  return typeof answer === 'string' ? answer : ''
}
