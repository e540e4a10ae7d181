/** Which names an environment on a cluster can't take, by its settings alone. Pure. */
import type { Problem, WantedDomain } from '../../engine.ts'
import type { KubernetesSettings } from '../settings.ts'

export function domainProblem(
  { host, certificate }: WantedDomain,
  { domain, gateways }: Pick<KubernetesSettings, 'domain' | 'gateways'>,
): Problem | null {
  if (gateways.length === 0) {
    return {
      code: 'no-gateway',
      message: `nobody comes in from outside here, so nothing can answer to ${host}: the environment has no Gateway`,
      hint: 'tow env add --help: --domain, --gateway',
    }
  }
  if (domain !== null && host.endsWith(`.${domain}`) && !host.slice(0, -domain.length - 1).includes('.')) {
    return {
      code: 'given',
      message: `names like ${host} are given to apps by the environment, whose domain is ${domain}`,
      hint: 'choose another name, e.g. one under a domain of your own',
    }
  }
  const bound = gateways.find(({ sectionName, port }) => sectionName !== undefined || port !== undefined)
  if (certificate === undefined || bound === undefined) return null
  return {
    code: 'one-listener',
    message: `the environment leads to one listener of the Gateway ${bound.name} alone, so another one for ${host} would lead nowhere`,
    hint: 'leave --certificate out, and have that listener hold the certificate',
  }
}
