import type { Ship } from '../../api/ships.ts'
import { platform } from '../platform.ts'
import type { Toast } from '../shell/toasts.tsx'

export async function stop({ id, environment }: Ship): Promise<Toast> {
  await platform.ships.cancel({ id })
  return { message: `Stopped shipping to ${environment}` }
}
