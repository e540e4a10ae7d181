/** An image that was made elsewhere, instead of what the source would be built to. */
import type { Artifact } from '../../../api/app-spec.ts'
import type { AdoptedImage, AskedImage } from '../../../engines/engine.ts'
import { nameArtifact } from '../builds/index.ts'
import type { Content } from '../content/index.ts'
import { type AppDeclaration, type Manifests, runSpecOf, toName } from '../manifests/index.ts'
import { chooseApps } from './detect.ts'
import { refusals } from './messages.ts'
import type { ShipPorts } from './ports.ts'

/** The one app that it is of: as files declare it, else named by whoever ships it, else by the image itself. Pure. */
export function imageApp(
  manifests: Manifests,
  reference: string,
  wanted: readonly string[] | undefined,
): AppDeclaration {
  const isDeclared = manifests.problems.length > 0 || manifests.apps.some((app) => app.sources.length > 0)
  const named = wanted?.length ? wanted : undefined
  const apps = isDeclared
    ? chooseApps(manifests, named)
    : (named ?? [nameOf(reference)]).map((name) => ({ ...manifests.apps[0]!, name }))
  if (apps.length !== 1) throw refusals.whoseImage(apps.map(({ name }) => name))
  return apps[0]!
}

/** `ghcr.io/team/shop:1.4@sha256:...` is of `shop`. */
function nameOf(reference: string): string {
  return toName(reference.replace(/@.*$/, '').split('/').at(-1)!.replace(/:.*$/, ''))
}

/** The artifact that an image is: no layers of ours, and what to run from the files of the source and the image itself. */
export async function adoptImage(
  { content, ports }: { content: Pick<Content, 'blobs'>; ports: Pick<ShipPorts, 'adopt'> },
  app: AppDeclaration,
  environment: string,
  asked: AskedImage,
): Promise<Artifact> {
  const adopted = await ports.adopt(environment, asked)
  const sbom = await content.blobs.add(Buffer.from(contentsOf(adopted.image.reference)))
  return artifactOf(app, adopted, sbom.digest)
}

function artifactOf(app: AppDeclaration, { image, platform }: AdoptedImage, sbom: string): Artifact {
  const processes: Record<string, string> = image.command === undefined ? {} : { web: image.command }
  return nameArtifact({
    layers: [],
    config: { workdir: '/workspace', env: {} },
    platform,
    runtime: { name: 'none', version: '', range: '*' },
    image,
    run: runSpecOf(app, { processes, folder: '.' }),
    sbom,
  })
}

/** All that is known of what is in it: the image itself. */
function contentsOf(reference: string): string {
  const [name, digest] = reference.split('@')
  const purl = `pkg:oci/${name!.split('/').at(-1)}@${encodeURIComponent(digest!)}?repository_url=${encodeURIComponent(name!)}`
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'container', 'bom-ref': purl, name, version: digest, purl } },
    components: [],
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
