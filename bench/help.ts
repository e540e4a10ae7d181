/** CPU of `tow --help`, from source and as published, beside Node doing nothing. */
import { execFileSync } from 'node:child_process'
import { type Figure, printFigures } from './figures.ts'
import { bundle } from './published.ts'

const RUNS = 15
const SOURCE = new URL('../src/cli/main.ts', import.meta.url).pathname

/** User and system CPU of one call in milliseconds, as bash's `time` tells it. */
function cpuOf(args: string[]): number {
  const script = `TIMEFORMAT='%U %S'; time "$0" "$@" >/dev/null`
  const text = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`, process.execPath, ...args], {
    encoding: 'utf8',
  })
  const [user, system] = text.trim().split(/\s+/).map(Number)
  return (user! + system!) * 1000
}

function figure(what: string, args: string[], bar?: string): Figure {
  cpuOf(args)
  return {
    what,
    unit: 'ms CPU',
    values: Array.from({ length: RUNS }, () => cpuOf(args)),
    ...(bar ? { bar } : {}),
  }
}

const figures = [
  figure('node -e 0', ['-e', '0']),
  figure('tow --help, from source', [SOURCE, '--help']),
  figure('tow --help, as published', [bundle(), '--help'], '<= 60'),
]
printFigures(`tow --help on Node ${process.versions.node}, ${RUNS} runs`, figures)
