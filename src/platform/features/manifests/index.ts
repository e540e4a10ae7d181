/**
 * What an app declares about itself: from the texts of tow.yaml, Procfile and app.json to plain declarations, with
 * every mistake named by file, line and column. Pure: it reads no disk, runs nothing and stores nothing; what a
 * language implies comes from the builder's plan.
 */
export type { AppDeclaration, DeclaredProcess, Manifests, Problem } from './declaration.ts'
export { developed, followingOf } from './following.ts'
export { countsOf, runSpecOf } from './merge.ts'
export { isName, toName } from './names.ts'
export { isManifestPath, type ManifestInput, readManifests } from './read.ts'
