#!/usr/bin/env node
/** `tow` in a clone: the source itself, on the Node that npm brought where this one is too old. */
import * as module from 'node:module'
import { join } from 'node:path'
import { become, ensureInstalled, findNode, isNewEnough, root } from './install.mjs'

await ensureInstalled({ dev: false })
if (isNewEnough([24, 0])) {
  module.enableCompileCache?.(join(root, 'node_modules', '.cache', 'compiled'))
  await import('../src/cli/main.ts')
} else {
  become(findNode(), [join(root, 'src/cli/main.ts'), ...process.argv.slice(2)])
}
