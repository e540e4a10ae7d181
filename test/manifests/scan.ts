/** What kube-score finds in manifests, and what of it is as it is on purpose; decision 24 says why. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

export const hasScanner = (process.env.PATH ?? '')
  .split(':')
  .some((folder) => existsSync(`${folder}/kube-score`))
export const WITHOUT_SCANNER = 'kube-score is not on the PATH'

/**
 * Whatever the values: an image is named by its digest, so that it need not be asked for at every start; a process that
 * does not answer for a minute is started anew, one that does not answer for four seconds gets no requests.
 */
export const ON_PURPOSE = ['container-image-pull-policy', 'pod-probes-identical']
/**
 * What an operator may ask for in the values, and is not the default: a limit of CPU makes processes wait while the node
 * idles, apps may write to their workspace and call whom they like, and the files of an image belong to 1000.
 */
export const BY_CHOICE = [
  'container-security-context-readonlyrootfilesystem',
  'container-security-context-user-group-id',
  'pod-networkpolicy',
]
export const NO_CPU_LIMIT = '--ignore-container-cpu-limit'

interface Finding {
  object_name: string
  checks: { check: { id: string }; skipped: boolean; grade: number; comments: { summary: string }[] | null }[]
}

const WELL = 10

/** Ids of the checks that something in the manifests did not pass. */
export async function scan(text: string, words: string[] = []): Promise<string[]> {
  const work = promisify(execFile)('kube-score', ['score', '-', '--output-format', 'json', ...words], {
    maxBuffer: 16 << 20,
  })
  work.child.stdin?.end(text)
  // It ends with 1 where it found something.
  const { stdout } = await work.catch((error) => error as { stdout: string })
  const findings = JSON.parse(stdout) as Finding[]
  if (findings.length === 0) throw new Error('kube-score saw nothing to look at')
  return [
    ...new Set(
      findings.flatMap(({ checks }) =>
        checks.filter(({ skipped, grade }) => !skipped && grade < WELL).map(({ check }) => check.id),
      ),
    ),
  ].sort()
}
