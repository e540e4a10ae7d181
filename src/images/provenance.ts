/** Where an image comes from, as SLSA says it: an in-toto statement about its digest. Pure; not signed. */
import type { Artifact, Origin } from '../api/app-spec.ts'
import { VERSION } from '../api/version.ts'
import type { Image } from './image.ts'
import { formatReference } from './reference.ts'

export const PREDICATE = 'https://slsa.dev/provenance/v1'

export interface ProvenanceFacts {
  artifact: Artifact
  app: string
  origin: Origin
  base: Image
  /** `registry/team/app` and digest of the image. */
  repository: string
  digest: string
}

const hex = (digest: string) => digest.replace(/^sha256:/, '')

export function provenanceOf({ artifact, app, origin, base, repository, digest }: ProvenanceFacts): object {
  const { commit, branch, dirty } = origin
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: repository, digest: { sha256: hex(digest) } }],
    predicateType: PREDICATE,
    predicate: {
      buildDefinition: {
        buildType: 'urn:towpath:build:1',
        externalParameters: {
          app,
          ...(branch !== undefined && { branch }),
          ...(dirty !== undefined && { dirty }),
        },
        internalParameters: { runtime: artifact.runtime, platform: artifact.platform },
        resolvedDependencies: [
          // A working copy that differs from its commit is not that commit.
          ...(commit !== undefined && !dirty ? [{ name: 'source', digest: { gitCommit: commit } }] : []),
          { name: 'artifact', digest: { sha256: artifact.digest } },
          {
            name: 'base',
            uri: `oci://${formatReference({ ...base.reference, digest: null })}`,
            digest: { sha256: hex(base.reference.digest!) },
          },
        ],
      },
      runDetails: { builder: { id: 'urn:towpath:builder:1', version: { towpath: VERSION } } },
    },
  }
}
