import { operations } from '../../kernel/operations.ts'
import type { Builds } from './index.ts'

export function buildRoutes(builds: Builds) {
  const { builds: operation } = operations
  return {
    builds: {
      list: operation.list.handler(({ input }) => builds.list(input.app, input.limit)),
      get: operation.get.handler(({ input }) => builds.view(input.id)),
      log: operation.log.handler(({ input }) => builds.log(input.id)),
      cancel: operation.cancel.handler(({ input, context }) => builds.cancelBuild(context.actor, input.id)),
      artifact: operation.artifact.handler(({ input }) => builds.artifactOrRefuse(input.digest)),
      sbom: operation.sbom.handler(({ input }) => builds.sbom(input.digest)),
    },
  }
}
