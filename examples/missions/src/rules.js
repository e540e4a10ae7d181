// What a mission may do, and what a finding weighs. No database, no clock of its own.

export const STATES = ['planned', 'submitted', 'graded', 'overdue']

const WEIGHTS = { minor: 1, major: 5, critical: 25 }

/** Risk of a mission: the sum of its findings' weights, and `red` as soon as one is critical. */
export function grade(findings) {
  const score = findings.reduce((sum, { severity }) => sum + WEIGHTS[severity], 0)
  const critical = findings.some(({ severity }) => severity === 'critical')
  return { score, colour: critical || score >= 20 ? 'red' : score >= 5 ? 'yellow' : 'green' }
}

/** The first thing wrong with a new mission, or null. */
export function refuseMission({ site, inspector } = {}) {
  if (typeof site !== 'string' || site.trim() === '' || site.length > 100) return 'site: 1 to 100 characters'
  if (typeof inspector !== 'string' || inspector.trim() === '' || inspector.length > 100) {
    return 'inspector: 1 to 100 characters'
  }
  return null
}

/** The first thing wrong with findings, or null. */
export function refuseFindings(findings) {
  if (!Array.isArray(findings) || findings.length > 100) return 'findings: a list of at most 100'
  for (const [index, finding] of findings.entries()) {
    if (!Object.hasOwn(WEIGHTS, finding?.severity))
      return `findings[${index}].severity: minor, major or critical`
    if (typeof finding.text !== 'string' || finding.text.length > 1000) {
      return `findings[${index}].text: at most 1000 characters`
    }
  }
  return null
}
