/** Missions by site: how many, how many still open, and the worst colour. */
export function summarise(missions) {
  const ranks = ['green', 'yellow', 'red']
  const sites = new Map()
  for (const { site, state, colour } of missions) {
    const line = sites.get(site) ?? { site, missions: 0, open: 0, worst: null }
    line.missions += 1
    if (state !== 'graded') line.open += 1
    if (colour && ranks.indexOf(colour) > ranks.indexOf(line.worst)) line.worst = colour
    sites.set(site, line)
  }
  return [...sites.values()].sort((a, b) => a.site.localeCompare(b.site))
}
