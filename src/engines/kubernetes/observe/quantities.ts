/** Quantities as Kubernetes writes them, in the units of people. Pure. */
const DECIMAL: Record<string, number> = { n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }
const BINARY: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 }

/** `250m` is 0.25; 0 for what cannot be read. */
function amount(quantity: string | undefined): number {
  const match = /^([\d.]+)([a-zA-Z]*)$/.exec(quantity ?? '')
  if (!match) return 0
  const unit = match[2] as string
  return Number(match[1]) * (BINARY[unit] ?? DECIMAL[unit] ?? 0)
}

/** `250m` is 0.25. */
export const cores = (quantity: string): number => amount(quantity)

/** 100 is one core. */
export function cpuPercent(quantity: string): number {
  return Math.round(amount(quantity) * 1000) / 10
}

export function memoryBytes(quantity: string): number {
  return Math.round(amount(quantity))
}

/** `2 CPUs`, as people say it. */
export function cpus(quantity: string | undefined): string {
  const number = amount(quantity)
  return number === 0 ? 'enough CPU' : `${number} ${number === 1 ? 'CPU' : 'CPUs'}`
}

/** Of 1024 kB each, as `memory` in tow.yaml counts them. */
export function megabytes(quantity: string | undefined): number {
  return Math.round(amount(quantity) / 2 ** 20)
}
