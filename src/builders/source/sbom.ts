/** A package that went into an artifact. */
export interface Component {
  /** Group in front of the name: an npm scope. */
  group?: string
  name: string
  version: string
  /** `pkg:npm/express@4.21.2`. */
  purl: string
  /** SPDX expressions or names, as the package states them. */
  licenses?: string[]
  /** Hexadecimal, by CycloneDX algorithm name. */
  hashes?: Record<string, string>
}

/** Percent-encodes one part of a package URL. */
export function purlPart(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%2B', '+')
}

const SPDX_EXPRESSION = /^[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)+$|^\(.+\)$/
const SPDX_ID = /^[A-Za-z0-9][A-Za-z0-9.+-]*$/

/**
 * A CycloneDX 1.6 document: sorted, without a time or a random serial number, so that the same packages give the same
 * bytes.
 */
export function writeSbom(language: string, components: readonly Component[]): string {
  const unique = new Map(components.map((component) => [component.purl, component]))
  const sorted = [...unique.values()].sort((left, right) => (left.purl < right.purl ? -1 : 1))
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'application', 'bom-ref': 'app', name: 'app' },
      properties: [{ name: 'towpath:language', value: language }],
    },
    components: sorted.map(({ group, name, version, purl, licenses = [], hashes = {} }) => ({
      type: 'library',
      'bom-ref': purl,
      ...(group !== undefined && { group }),
      name,
      version,
      ...(Object.keys(hashes).length > 0 && {
        hashes: Object.entries(hashes)
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .map(([alg, content]) => ({ alg, content })),
      }),
      ...(licenses.length > 0 && { licenses: licenseChoice(licenses) }),
      purl,
    })),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

/** CycloneDX takes either one expression or a list of names; SPDX ids are not checked against the list, so names. */
function licenseChoice(licenses: readonly string[]) {
  const [first] = licenses
  if (licenses.length === 1 && SPDX_EXPRESSION.test(first!)) return [{ expression: first }]
  return [...new Set(licenses)].sort().map((license) => ({
    license: { name: SPDX_ID.test(license) ? license : license.slice(0, 200) },
  }))
}
