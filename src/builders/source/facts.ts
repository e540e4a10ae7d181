import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { NativePlatform } from './binary.ts'
import { readText } from './files.ts'
import type { LanguageResult } from './language.ts'
import { nativePlatforms } from './platform.ts'
import type { Component } from './sbom.ts'

interface Facts {
  platforms: NativePlatform[]
  components: Component[]
}

/**
 * What is in the dependency folder. Found out once per dependency key: looking into every file of a large folder takes
 * longer than the rest of a build that changes one line.
 */
export async function dependencyFacts(
  cache: string,
  key: string | null,
  { dependencies, dependencyComponents }: LanguageResult,
): Promise<Facts> {
  if (dependencies === null) return { platforms: [], components: await dependencyComponents() }
  const file = key === null ? null : join(cache, 'facts', `${key}.json`)
  const known = file === null ? null : await readText(file)
  if (known !== null) return JSON.parse(known) as Facts
  const facts = { platforms: await nativePlatforms([dependencies]), components: await dependencyComponents() }
  if (file !== null) {
    await mkdir(dirname(file), { recursive: true })
    const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`
    await writeFile(temporary, JSON.stringify(facts))
    await rename(temporary, file)
  }
  return facts
}
