import { fileURLToPath } from 'node:url'

/** What Node runs to be the platform: the source in a clone, the bundle beside this one in the published package. */
export function platformEntry(): string[] {
  const fromSource = import.meta.url.endsWith('.ts')
  return [fileURLToPath(new URL(fromSource ? '../../platform/main.ts' : './platform.js', import.meta.url))]
}
