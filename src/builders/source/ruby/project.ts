import { join } from 'node:path'
import { readText } from '../files.ts'
import type { Component } from '../sbom.ts'
import { purlPart } from '../sbom.ts'

export interface RubyProject {
  lockfile: string | null
  /** Names of the locked gems. */
  gems: Map<string, string>
  /** Whether a gem comes from a folder or a repository beside its registry. */
  hasLocalGems: boolean
  ruby: { file: string; range: string | null; written?: string }
}

/** What Gemfile and Gemfile.lock say; null without a Gemfile. */
export async function readRubyProject(app: string): Promise<RubyProject | null> {
  const [gemfile, lockfile, versionFile] = await Promise.all(
    ['Gemfile', 'Gemfile.lock', '.ruby-version'].map((file) => readText(join(app, file))),
  )
  if (gemfile == null) return null
  return {
    lockfile: lockfile ?? null,
    gems: lockedGems(lockfile ?? ''),
    hasLocalGems: /^PATH$/m.test(lockfile ?? ''),
    ruby: wantedRuby(gemfile, lockfile ?? '', versionFile ?? ''),
  }
}

/** Gems stand at four spaces below `specs:`; what they need, deeper. */
export function lockedGems(lockfile: string): Map<string, string> {
  return new Map(
    [...lockfile.matchAll(/^ {4}(\S+) \(([^)\s]+)\)$/gm)].map(([, name, version]) => [name!, version!]),
  )
}

/** The exact patch version that a file names is rarely on a machine; gems depend on the minor one. */
function wantedRuby(gemfile: string, lockfile: string, versionFile: string): RubyProject['ruby'] {
  const inGemfile = /^\s*ruby\s+["']([^"']+)["']/m.exec(gemfile)?.[1]
  const found = [
    ['Gemfile', inGemfile],
    ['.ruby-version', /^(?:ruby-)?(\d+\.\d+[.\d]*)/.exec(versionFile.trim())?.[1]],
    ['Gemfile.lock', /^RUBY VERSION\n\s+ruby (\d+\.\d+\.\d+)/m.exec(lockfile)?.[1]],
  ].find(([, version]) => version)
  if (!found) return { file: 'Gemfile', range: null }
  const [file, written] = found as [string, string]
  const match = /^(~>|>=|=)?\s*(\d+)\.(\d+)/.exec(written)
  if (!match) return { file, range: null }
  const [, operator = '=', major, minor] = match
  const range =
    operator === '>=' || (operator === '~>' && /^~>\s*\d+\.\d+$/.test(written))
      ? `>=${major}.${minor}.0 <${Number(major) + 1}`
      : `${major}.${minor}.x`
  return { file, range, written }
}

/** The gems of a lockfile for the SBOM. */
export function rubyComponents(gems: ReadonlyMap<string, string>): Component[] {
  return [...gems].map(([name, version]) => ({
    name,
    version,
    purl: `pkg:gem/${purlPart(name)}@${purlPart(version)}`,
  }))
}
