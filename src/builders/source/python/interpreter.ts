import { basename } from 'node:path'
import { satisfies } from 'semver'
import { TowError } from '../../../api/errors.ts'
import { choose, type Tool, type Toolbox } from '../tools.ts'

export interface Interpreter extends Tool {
  /** What a command line calls it: `python3`, `python3.12`. */
  command: string
  /** `3.11`. */
  minor: string
  hasPip: boolean
}

const USUAL = ['python3', 'python']
/** Asked only where the usual names do not lead to what is wanted: each question costs a start of Python. */
const VERSIONED = Array.from({ length: 9 }, (_, index) => `python3.${16 - index}`)

/** Wrappers such as pyenv's answer in another's name; the interpreter itself says where it lies and what it has. */
const QUESTION = `import importlib.util, json, sys
print(json.dumps([getattr(sys, "_base_executable", None) or sys.executable, "%d.%d.%d" % sys.version_info[:3], importlib.util.find_spec("pip") is not None]))`

/**
 * Every Python 3 of the tool path that its name leads to: behind a first `python3` of another version, a second one
 * could build, but a process that says `python3` would not get it.
 */
async function interpreters(toolbox: Toolbox, names: readonly string[]): Promise<Interpreter[]> {
  const byName = await Promise.all(
    names.map(async (name) => {
      const found = await Promise.all(toolbox.all(name).map((file) => interpreterAt(file, toolbox)))
      const answering = found.filter((one) => one !== null)
      return answering.filter(({ minor }) => minor === answering[0]!.minor)
    }),
  )
  return byName.flat()
}

async function interpreterAt(file: string, toolbox: Toolbox): Promise<Interpreter | null> {
  const answer = await toolbox.ask(file, ['-c', QUESTION])
  if (answer === null || !answer.startsWith('[')) return null
  const [real, version, hasPip] = JSON.parse(answer) as [string, string, boolean]
  if (!version.startsWith('3.')) return null
  return {
    file: real,
    command: basename(file),
    version,
    minor: version.split('.').slice(0, 2).join('.'),
    hasPip,
  }
}

/** The first that satisfies the range and can install packages. Throws REFUSED with the way out. */
export async function chooseInterpreter(
  toolbox: Toolbox,
  wanted: { file: string; range: string | null },
  needsPip: boolean,
): Promise<Interpreter> {
  const fits = ({ version }: Interpreter) => wanted.range === null || satisfies(version, wanted.range)
  let all = await interpreters(toolbox, USUAL)
  if (!all.some((one) => fits(one) && (one.hasPip || !needsPip)))
    all = [...all, ...(await interpreters(toolbox, VERSIONED))]
  const minor = /3\.\d+/.exec(wanted.range ?? '')?.[0]
  const chosen = choose(all, {
    name: 'Python',
    ...wanted,
    hint: `Install Python${minor ? ` ${minor}` : ' 3'} from your package manager (apt-get install python3 python3-pip, brew install python) or with pyenv install ${minor ?? '3'}`,
  })
  const fitting = all.filter(fits)
  const best = fitting.find(({ hasPip }) => hasPip)
  if (best) return best
  if (needsPip) {
    throw new TowError(
      'REFUSED',
      `Python ${chosen.version} (${chosen.file}) has no pip to install packages with`,
      {
        hint: 'Install it: apt-get install python3-pip, or python3 -m ensurepip --user',
      },
    )
  }
  return fitting[0]!
}

/** A version specifier of Python's packaging (PEP 440) as a semver range. */
export function rangeOfSpecifier(specifier: string): string | null {
  const parts = specifier.split(',').flatMap((part) => {
    const match = /^\s*(~=|==|>=|<=|>|<|!=|\^|~)?\s*v?(\d+(?:\.\d+)*)(\.\*)?\s*$/.exec(part)
    if (!match) return []
    const [, operator = '==', version, star] = match
    const numbers = version!.split('.').map(Number)
    if (operator === '!=') return []
    if (operator === '~=') {
      const upper = numbers.slice(0, -1)
      upper[upper.length - 1]! += 1
      return [`>=${padded(numbers)} <${padded(upper)}`]
    }
    if (operator === '==')
      return [star || numbers.length < 3 ? `${numbers.slice(0, 2).join('.')}.x` : padded(numbers)]
    return [`${operator}${padded(numbers)}`]
  })
  return parts.length > 0 ? parts.join(' ') : null
}

function padded(numbers: readonly number[]): string {
  return [...numbers, 0, 0].slice(0, 3).join('.')
}
