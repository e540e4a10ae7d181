import type { ShippedApp } from './ships.ts'

/** The states in words, the same wherever a delivery is told. */
export const SHIPPED_WORDS: Record<ShippedApp['state'], string> = {
  waiting: 'waiting',
  building: 'building',
  built: 'built',
  releasing: 'releasing',
  live: 'live',
  failed: 'failed',
  unchanged: 'live already, unchanged',
  cancelled: 'cancelled',
}
