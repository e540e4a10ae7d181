import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import ajvFormats from 'ajv-formats'

/** CycloneDX's own schemas, as its library for JavaScript carries them. */
const schemas = join(
  dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
  'res/schema',
)
const schema = (name: string) =>
  JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8'))

const named = (name: string) => [`http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`, schema(name)]
const ajv = new Ajv({
  strict: false,
  allErrors: true,
  schemas: Object.fromEntries([named('spdx'), named('jsf-0.82')]),
})
ajvFormats.default(ajv)
// Formats that the plug-in does not know; e-mail addresses and IRIs are not in our documents.
for (const format of ['idn-email', 'iri-reference']) ajv.addFormat(format, true)
const validate = ajv.compile(schema('bom-1.6'))

/** What CycloneDX's own schema finds wrong with a document. */
export function sbomMistakes(text: string): string[] {
  validate(JSON.parse(text))
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}
