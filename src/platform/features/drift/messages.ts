import type { Difference } from '../../../api/processes.ts'

export const said = {
  found: (app: string, environment: string, differences: readonly Difference[]) => {
    const more = differences.length - 1
    return `${app} in ${environment} was changed past Towpath: ${differences[0]?.message}${more > 0 ? `, and ${more} more` : ''}`
  },
  gone: (app: string, environment: string) => `${app} in ${environment} is as asked for again`,
}
