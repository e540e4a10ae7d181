/**
 * What `npm start`, `npm test`, `npm run check` and `npm run bench` call: it installs what is missing and goes on with
 * the Node that npm brought.
 */
import { join } from 'node:path'
import { become, ensureInstalled, findNode, root } from './install.mjs'

const COMMANDS = {
  start: ['examples/start.ts'],
  'start:kubernetes': ['examples/start.ts', '--kubernetes'],
  test: ['node_modules/vitest/vitest.mjs', 'run'],
  check: ['scripts/check.ts'],
  bench: ['bench/main.ts'],
  package: ['scripts/package.ts'],
}

const [name = '', ...args] = process.argv.slice(2)
const command = COMMANDS[name]
if (!command) {
  process.stderr.write(`usage: node bin/bootstrap.mjs ${Object.keys(COMMANDS).join(' | ')}\n`)
  process.exit(2)
}
await ensureInstalled({ dev: !name.startsWith('start') })
const [file, ...first] = command
become(findNode(), [join(root, file), ...first, ...args], { cwd: root })
